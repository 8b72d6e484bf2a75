package trouble

import (
	"context"
	"strings"
	"time"

	"ristmik/adapters/sandbox/securityserver"
	"ristmik/adapters/sandbox/wire"
	"ristmik/soap"
)

// other is the protocol of what is neither a SOAP nor a REST message.
const other = "other"

// call is what a fault can know of a request.
type call struct {
	protocol string
	id       string
	client   soap.ClientID
	service  soap.ServiceID
}

func protocolOf(r *wire.Request) string {
	switch {
	case strings.HasPrefix(r.Target, "/r1/"):
		return REST
	case r.Method == "POST":
		return SOAP
	}
	return other
}

// identify reads who calls what; of a message that cannot be read nothing is
// known, and only faults that ask for nothing strike it.
func identify(protocol string, r *wire.Request) call {
	c := call{protocol: protocol}
	switch protocol {
	case REST:
		path, _, _ := strings.Cut(r.Target, "?")
		if parts := strings.SplitN(strings.TrimPrefix(path, "/r1/"), "/", 6); len(parts) >= 5 {
			c.service, _ = soap.ParseServiceID(strings.Join(parts[:5], "/"))
		}
		client, _ := r.Fields.Last("X-Road-Client")
		c.client, _ = soap.ParseClientID(strings.TrimSuffix(client, "/"))
		c.id, _ = r.Fields.Last("x-road-id")
	case SOAP:
		in, err := soap.OpenRequest(r.Fields.Get("Content-Type"), r.Open(), soap.DefaultLimits())
		if err != nil {
			return c
		}
		if m, err := soap.ReadRequest(in.Envelope(), soap.DefaultLimits()); err == nil {
			c.id, c.client, c.service = m.Header.ID, m.Header.Client, m.Header.Service
		}
	}
	return c
}

// exchange is what the Security Server's list says about a call.
func (c call) exchange() securityserver.Exchange {
	x := securityserver.Exchange{MessageID: c.id}
	if c.client != (soap.ClientID{}) {
		x.Client = c.client.String()
	}
	if c.service != (soap.ServiceID{}) {
		x.Service = c.service.String()
	}
	return x
}

// matches says whether a fault is meant for a call. Sizes count here, so that a
// limit on them only counts the calls that are over it.
func (c call) matches(f *Fault, r *wire.Request) bool {
	switch {
	case f.At == AtConnect, f.Kind == RefuseConnections, f.Kind == Expire && f.What == GlobalConfiguration:
		return false
	case f.Kind == LoggableSize && size(r) <= int64(f.Bytes) && !r.TooLarge:
		return false
	}
	return (f.Protocol == "" || f.Protocol == c.protocol) &&
		(f.Service == "" || f.service == c.service) && (f.Client == "" || f.client == c.client)
}

// size is the length of a request's body, in bytes.
func size(r *wire.Request) int64 {
	if r.Long != nil {
		return r.Long.Size()
	}
	return int64(len(r.Body))
}

// Around puts the faults around a Security Server's handler.
func (t *Troubles) Around(next wire.Handler) wire.Handler {
	return func(ctx context.Context, r *wire.Request) *wire.Response {
		protocol := protocolOf(r)
		t.calls[protocol].Add(1)
		if t.quiet.Load() {
			return next(ctx, r)
		}
		c := identify(protocol, r)
		hits := t.take(func(f *Fault) bool { return c.matches(f, r) })
		if len(hits) == 0 {
			return next(ctx, r)
		}
		return t.suffer(ctx, r, c, hits, next)
	}
}

// suffer answers a call that is struck: the faults before the provider in the
// order of their arming, the provider, those after it.
func (t *Troubles) suffer(ctx context.Context, r *wire.Request, c call, hits []*armed, next wire.Handler) *wire.Response {
	d := &delivery{t: t}
	var resp *wire.Response
	for _, a := range hits {
		if resp == nil {
			resp = t.before(ctx, r, c, a, d)
		}
	}
	if resp == nil {
		for _, a := range hits {
			switch a.Fault.Kind {
			case Duplicate:
				next = twice(next)
			case Reorder:
				next = t.reordered(a, next)
			}
		}
		resp = next(ctx, r)
	}
	for _, a := range hits {
		resp = t.after(r, c, a, d, resp)
	}
	if d.needed() {
		resp.Send = d.send
	}
	return resp
}

// before lets a fault strike before the provider is called; an answer ends the
// call there.
func (t *Troubles) before(ctx context.Context, r *wire.Request, c call, a *armed, d *delivery) *wire.Response {
	f := &a.Fault
	refuse := func(code, message string) *wire.Response { return t.server.Refuse(r, c.exchange(), code, message) }
	switch {
	case f.Kind == Delay && f.At == AtProvider:
		t.attend(ctx, a, f.Delay)
	case f.Kind == Cut && f.At == AtProvider:
		d.cutAt, d.reset = AtAnswer, f.Reset
		return &wire.Response{Status: 200}
	case f.Kind == Page:
		d.page = f.Status
		return &wire.Response{Status: f.Status}
	case f.Kind == Error && f.At == AtProvider:
		return refuse(f.code(), f.Message)
	case f.Kind == Expire:
		return refuse(t.server.Spell("server.clientproxy.ssl_authentication_failed"), "Security server has no authentication certificate")
	case f.Kind == TLSCertificate:
		return refuse(t.server.Spell("server.clientproxy.ssl_authentication_failed"), "Client ("+c.client.LogForm()+") TLS certificate does not match any IS certificates")
	case f.Kind == LoggableSize:
		return refuse(t.server.Spell("server.clientproxy.io_error"), "LoggingFailed: Message size exceeds maximum loggable size")
	}
	return nil
}

// after lets a fault change the answer, or how it is delivered.
func (t *Troubles) after(r *wire.Request, c call, a *armed, d *delivery, resp *wire.Response) *wire.Response {
	f := &a.Fault
	switch {
	case f.Kind == Error && f.At == AtAnswer:
		discard(resp)
		return t.server.Refuse(r, c.exchange(), f.code(), f.Message)
	case f.Kind == Delay && f.At == AtAnswer:
		d.first = append(d.first, a)
	case f.Kind == Delay && f.At == AtBody:
		d.middle = append(d.middle, a)
	case f.Kind == Cut && (f.At == AtAnswer || f.At == AtBody):
		d.cutAt, d.reset = f.At, f.Reset
	case f.Kind == Drip:
		d.drip = a
	default:
		alter(f, c.protocol, resp)
	}
	return resp
}

// attend waits in the handler, no longer than the client does.
func (t *Troubles) attend(ctx context.Context, a *armed, d time.Duration) error {
	ctx, stop := wire.Attended(ctx)
	defer stop()
	return t.wait(ctx, a, d)
}

// code is the code of an Error as it is written.
func (f *Fault) code() string {
	if f.Spelling == "" {
		return f.Code
	}
	return securityserver.Spelling(f.Spelling).Spell(f.Code)
}

// twice calls the server, and so the provider, two times with one request; the
// first answer counts.
func twice(next wire.Handler) wire.Handler {
	return func(ctx context.Context, r *wire.Request) *wire.Response {
		resp := next(ctx, r)
		discard(next(ctx, r))
		return resp
	}
}

// discard lets go of an answer that nobody gets.
func discard(resp *wire.Response) {
	if resp.Done != nil {
		resp.Done()
	}
}
