package main

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"

	"ristmik/adapters/xroad"
	"ristmik/soap"
)

// list shows members and subsystems, or the services of a subsystem.
func (c callCommand) list(p *surroundings, xr *xroad.Client, told result) error {
	under := soap.ClientID{}
	if c.Service != "" && strings.Contains(c.Service, "/") {
		id, err := soap.ParseClientID(c.Service)
		if err != nil {
			return usage(err)
		}
		if id.Subsystem != "" {
			return c.listServices(p, xr, id, told)
		}
		under = id
	} else {
		under.Instance = c.Service
	}
	members, err := xr.ListClients(p.ctx, under.Instance)
	if err != nil {
		return err
	}
	members = slices.DeleteFunc(members, func(m xroad.Member) bool {
		return under.Member != "" && (m.ID.Class != under.Class || m.ID.Member != under.Member)
	})
	slices.SortFunc(members, func(a, b xroad.Member) int { return cmp.Compare(a.ID.String(), b.ID.String()) })
	type row struct {
		Client        string `json:"client"`
		Name          string `json:"name"`
		SubsystemName string `json:"subsystem_name,omitempty"`
	}
	rows := []row{}
	for _, m := range members {
		rows = append(rows, row{m.ID.String(), m.Name, m.SubsystemName})
	}
	if c.JSON {
		told["clients"] = rows
		return nil
	}
	return c.write(p, func(w io.Writer) error {
		t := tabwriter.NewWriter(w, 0, 4, 2, ' ', 0)
		fmt.Fprintln(t, "CLIENT\tMEMBER\tSUBSYSTEM")
		for _, r := range rows {
			fmt.Fprintf(t, "%s\t%s\t%s\n", r.Client, r.Name, r.SubsystemName)
		}
		return t.Flush()
	})
}

// listServices shows the SOAP and REST services of one subsystem and which of
// them our own subsystem may call.
func (c callCommand) listServices(p *surroundings, xr *xroad.Client, provider soap.ClientID, told result) error {
	type row struct {
		Service   string           `json:"service"`
		Type      string           `json:"type"`
		Allowed   bool             `json:"allowed"`
		Endpoints []xroad.Endpoint `json:"endpoints,omitempty"`
	}
	rows := []row{}
	all, err := xr.ListMethods(p.ctx, provider)
	allowed, err2 := xr.AllowedMethods(p.ctx, provider)
	if err := errors.Join(err, err2); err != nil {
		return err
	}
	for _, s := range all {
		rows = append(rows, row{Service: s.String(), Type: "WSDL", Allowed: slices.Contains(allowed, s)})
	}
	rest, err := xr.ListRESTMethods(p.ctx, provider)
	mayRest, err2 := xr.AllowedRESTMethods(p.ctx, provider)
	if err := errors.Join(err, err2); err != nil {
		return err
	}
	for _, s := range rest {
		may := slices.ContainsFunc(mayRest, func(m xroad.RESTService) bool { return m.ID == s.ID })
		rows = append(rows, row{Service: s.ID.String(), Type: s.Type, Allowed: may, Endpoints: s.Endpoints})
	}
	if c.JSON {
		told["services"] = rows
		return nil
	}
	return c.write(p, func(w io.Writer) error {
		t := tabwriter.NewWriter(w, 0, 4, 2, ' ', 0)
		fmt.Fprintln(t, "SERVICE\tTYPE\tALLOWED\tENDPOINTS")
		for _, r := range rows {
			var ends []string
			for _, e := range r.Endpoints {
				ends = append(ends, e.Method+" "+e.Path)
			}
			fmt.Fprintf(t, "%s\t%s\t%s\t%s\n", r.Service, r.Type, map[bool]string{true: "yes", false: "no"}[r.Allowed], strings.Join(ends, ", "))
		}
		return t.Flush()
	})
}
