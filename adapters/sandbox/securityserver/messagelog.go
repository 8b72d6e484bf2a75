package securityserver

import (
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"ristmik/adapters/sandbox/wire"
	"ristmik/soap"
)

// maxLogged is how much of messages is remembered, in bytes; the oldest go
// first.
const maxLogged = 64 << 20

// logged is one message in the message log: the envelope, or what stands for it
// over REST, and the body of a REST message. Attachments are not logged.
type logged struct {
	number           int
	id               string
	client, provider soap.ClientID
	response         bool
	message          []byte
	body             []byte
	logged           time.Time
}

func (m *logged) kind() string {
	if m.response {
		return "response"
	}
	return "request"
}

// messageLog remembers the last messages until they are too much.
type messageLog struct {
	mu     sync.Mutex
	list   []*logged
	size   int
	number int
}

func (l *messageLog) add(m *logged) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.number++
	m.number = l.number
	l.list = append(l.list, m)
	l.size += len(m.message) + len(m.body)
	drop := 0
	for ; drop < len(l.list)-1 && (l.size > maxLogged || len(l.list)-drop > kept); drop++ {
		l.size -= len(l.list[drop].message) + len(l.list[drop].body)
	}
	l.list = slices.Delete(l.list, 0, drop)
}

// find returns the messages with an id that owner sent or received, requests,
// responses or both.
func (l *messageLog) find(id string, owner soap.ClientID, requests, responses bool) []*logged {
	l.mu.Lock()
	defer l.mu.Unlock()
	var found []*logged
	for _, m := range l.list {
		if m.id == id && (m.client == owner || m.provider == owner) && (m.response && responses || !m.response && requests) {
			found = append(found, m)
		}
	}
	return found
}

func (s *Server) logSOAP(h soap.Header, message []byte, response bool) {
	s.messages.add(&logged{id: h.ID, client: h.Client, provider: h.Service.Provider, response: response, message: message, logged: s.o.Now()})
}

// logREST remembers what stands for the envelope of a REST message: its first
// lines and its header fields.
func (s *Server) logREST(q restRequest, first string, fields wire.Fields, body []byte, response bool) {
	s.messages.add(&logged{id: q.id, client: q.client, provider: q.service.Provider, response: response, message: []byte(first + fieldLines(fields)), body: body, logged: s.o.Now()})
}

func statusLines(a *providerAnswer) string {
	return strconv.Itoa(a.status) + "\r\n" + a.reason + "\r\n"
}

// fieldLines are header fields as the consumer side writes them for its hash.
func fieldLines(fields wire.Fields) string {
	var b strings.Builder
	for _, f := range fields {
		b.WriteString(f.Name + ":" + f.Value + "\r\n")
	}
	return b.String()
}
