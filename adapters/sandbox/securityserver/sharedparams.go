package securityserver

import (
	"fmt"
	"strings"

	"github.com/beevik/etree"

	"ristmik/soap"
)

// sharedParameters writes the instance's shared parameters as far as a sandbox
// has them: members, subsystems and servers; it has no certification services.
func (s *Server) sharedParameters() []byte {
	doc := etree.NewDocument()
	doc.CreateProcInst("xml", `version="1.0" encoding="UTF-8" standalone="yes"`)
	root := doc.CreateElement("conf:conf")
	root.CreateAttr("xmlns:conf", soap.NSXRoad)
	root.CreateElement("instanceIdentifier").SetText(s.o.Instance)
	var member *etree.Element
	ids := map[soap.ClientID]string{}
	for i, v := range s.o.Subsystems {
		ids[v.ID] = fmt.Sprintf("id%d", i)
		if v.ID.Subsystem == "" {
			member = root.CreateElement("member")
			member.CreateAttr("id", ids[v.ID])
			class := member.CreateElement("memberClass")
			class.CreateElement("code").SetText(v.ID.Class)
			class.CreateElement("description").SetText(v.ID.Class)
			member.CreateElement("memberCode").SetText(v.ID.Member)
			member.CreateElement("name").SetText(v.MemberName)
		} else if member != nil {
			sub := member.CreateElement("subsystem")
			sub.CreateAttr("id", ids[v.ID])
			sub.CreateElement("subsystemCode").SetText(v.ID.Subsystem)
		}
	}
	for _, id := range s.servers() {
		p := strings.Split(id, "/")
		if len(p) != 4 {
			continue
		}
		e := root.CreateElement("securityServer")
		if owner := ids[soap.ClientID{Instance: p[0], Class: p[1], Member: p[2]}]; owner != "" {
			e.CreateElement("owner").SetText(owner)
		}
		e.CreateElement("serverCode").SetText(p[3])
		e.CreateElement("address").SetText("127.0.0.1")
		for _, v := range s.o.Subsystems {
			for _, host := range s.hostsOf(v.ID) {
				if host == id && v.ID.Subsystem != "" {
					e.CreateElement("client").SetText(ids[v.ID])
				}
			}
		}
	}
	data, _ := doc.WriteToBytes() // a buffer takes every write
	return data
}
