package authority

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"regexp"
	"strings"

	"github.com/beevik/etree"

	"ristmik/adapters/consultation"
	"ristmik/mapping"
	"ristmik/soap"
	"ristmik/soap/contract"
)

// The doors of an [Observation], of a log line and of a stored answer.
const (
	doorSOAP = "soap"
	doorREST = "rest"
)

// SOAPService is the code of the SOAP service that takes answers.
const SOAPService = "submitAnswer"

// declaredEncoding finds the encoding in an XML declaration.
var declaredEncoding = regexp.MustCompile("^(?:\ufeff)?<\\?xml[^>]*\\sencoding\\s*=\\s*[\"']([^\"'>]*)[\"']")

// serveSOAP answers with status 200 or, for a Fault, 500 and nothing else: a
// Security Server makes an error of its own of any other status (C-074).
func (p *Provider) serveSOAP(w http.ResponseWriter, r *http.Request) {
	p.replySOAP(w, r, func() reply { return p.soap(w, r) })
}

// replySOAP sends what work returns, to nobody but the Security Server.
func (p *Provider) replySOAP(w http.ResponseWriter, r *http.Request, work func() reply) {
	started := p.o.Now()
	var out reply
	if p.allowed(r) {
		out = work()
	} else {
		out = p.fault(r.Context(), nil, refuse(codeNotSecurityServer, "only the Security Server is served here"))
	}
	if out.stream != nil {
		w.Header().Set("Content-Type", out.contentType)
		p.send(r.Context(), w, &out)
	} else {
		w.Header().Set("Content-Type", soap.ContentType)
		w.WriteHeader(out.status)
		_, _ = w.Write(out.body) // a caller who has gone needs no answer
	}
	if out.result != "" {
		p.o.Observe(Observation{Door: doorSOAP, Result: out.result, Took: p.o.Now().Sub(started)})
	}
}

// reply is what goes back through the SOAP door.
type reply struct {
	status int
	body   []byte
	result string // of the observation; "" for a description

	// Of a reply with a file, in the place of the body.
	contentType string
	stream      io.Reader
	length      int64 // in bytes
}

func (p *Provider) soap(w http.ResponseWriter, r *http.Request) reply {
	ctx := r.Context()
	if (r.Method == http.MethodGet || r.Method == http.MethodHead) && asksForWSDL(r) {
		description, err := p.wsdl.at(addressOf(r))
		if err != nil {
			return p.fault(ctx, nil, fmt.Errorf("writing the description: %w", err))
		}
		return reply{status: http.StatusOK, body: description}
	}
	if r.Method != http.MethodPost {
		return p.fault(ctx, nil, refuse("client.invalid_http_method", "messages are sent with POST; the description is at ?wsdl"))
	}
	in, msg, err := p.readSOAP(w, r)
	if err != nil {
		return p.fault(ctx, nil, in.refused(err))
	}
	return p.answerSOAP(ctx, msg, in)
}

func asksForWSDL(r *http.Request) bool {
	for key := range r.URL.Query() {
		if strings.EqualFold(key, "wsdl") {
			return true
		}
	}
	return false
}

// readSOAP reads the envelope of one message, without a look at what it is about.
// The attachments behind it are still to be read, also with an error.
func (p *Provider) readSOAP(w http.ResponseWriter, r *http.Request) (*parts, *soap.Message, error) {
	contentType, err := checkContentType(r.Header)
	if err != nil {
		return nil, nil, err
	}
	if !goodSOAPAction(r.Header) {
		return nil, nil, refuse("client.invalid_soap_action", "Malformed SOAPAction header")
	}
	in, err := p.open(w, r, contentType)
	if err != nil {
		return nil, nil, err
	}
	data := in.in.Envelope()
	msg, err := soap.ReadRequest(data, dense(p.o.Limits, len(data)))
	if err != nil {
		return in, nil, malformed(err)
	}
	if m := declaredEncoding.FindSubmatch(data); m != nil && !strings.EqualFold(string(m[1]), "utf-8") && !strings.EqualFold(string(m[1]), "us-ascii") {
		// The Security Server has told that the bytes are UTF-8; one of the two
		// is wrong, and a guess would change names of people.
		return in, nil, refuse("client.invalid_soap", "the declared encoding is not UTF-8")
	}
	return in, msg, p.checkHeader(msg.Header)
}

// dense bounds the elements of a message of n bytes. An element of a tree takes
// some three hundred bytes, be it four bytes long in the message: without a
// bound of this kind a small message would take a hundred times its size. No
// message that the contract describes comes near it.
func dense(l soap.Limits, n int) soap.Limits {
	if l.Elements <= 0 {
		l.Elements = soap.DefaultLimits().Elements
	}
	l.Elements = min(l.Elements, 1000+n/96)
	return l
}

// unread is a body that could not be read to its end: not as X-Road wants it,
// or broken off.
func unread(err error) error {
	if _, ok := errors.AsType[*soap.Failure](err); ok {
		return malformed(err)
	}
	if _, ok := technical(err); ok {
		return err
	}
	return refuse(codeInvalidRequest, "the message ended before it was complete")
}

// checkContentType returns the one Content-Type of a message. A plain one is in
// UTF-8: a Security Server says text/xml; charset=UTF-8 whatever the client
// wrote (C-066).
func checkContentType(h http.Header) (string, error) {
	if c := h.Get("Content-Encoding"); c != "" && !strings.EqualFold(c, "identity") {
		return "", refuse("client.invalid_content_type", "the message has a content coding; it is wanted plain")
	}
	values := h.Values("Content-Type")
	if len(values) != 1 {
		return "", refuse("client.invalid_content_type", "one Content-Type is needed: text/xml; charset=UTF-8")
	}
	media, params, err := mime.ParseMediaType(values[0])
	if err != nil || media != "text/xml" && media != "multipart/related" {
		return "", refuse("client.invalid_content_type", "the Content-Type is neither text/xml nor multipart/related")
	}
	if c, ok := params["charset"]; ok && !strings.EqualFold(c, "utf-8") {
		return "", refuse("client.invalid_content_type", "the charset is not UTF-8")
	}
	return values[0], nil
}

// answerSOAP gives a message that is well formed to the operation that its
// service field names.
func (p *Provider) answerSOAP(ctx context.Context, msg *soap.Message, in *parts) reply {
	op, err := p.operation(msg)
	if err != nil {
		return p.fault(ctx, msg, in.refused(err))
	}
	// Before the contract: whatever else is wrong, this is what is told.
	if refused, ok := refusalOf(p.o.Procedure.Admit(levelOf(msg.Body()), doorSOAP, msg.Header.Client.String())); ok {
		_ = in.skip(nil)
		return p.refuseInBody(ctx, op, msg, refused)
	}
	content, err := decode(op, msg, in.in.Multipart())
	if err != nil {
		return p.fault(ctx, msg, in.refused(violated(err)))
	}
	sent := p.takeOut(content)
	if err := p.keepFiles(ctx, msg.Header.Client, in, sent); err != nil {
		return p.fault(ctx, msg, p.aboutLegs(ctx, sent, err))
	}
	out, result, err := p.workSOAP(ctx, op.Code, msg, content, sent)
	var body []byte
	switch fetched, file := out.(fetchedFile); {
	case err != nil:
	case file:
		var r reply
		if r, err = p.replyFile(ctx, op, msg, fetched, result); err == nil {
			return r
		}
	default:
		var response map[string]any
		if response, err = soapSpelling(out); err == nil {
			body, err = respond(op, msg, response)
		}
	}
	if refused, ok := refusalOf(err); ok {
		return p.refuseInBody(ctx, op, msg, refused)
	}
	if err != nil {
		return p.fault(ctx, msg, err)
	}
	return reply{status: http.StatusOK, body: body, result: result}
}

// levelOf is how secret a message says that it is, wherever in its request.
func levelOf(wrapper *etree.Element) consultation.Classification {
	for _, request := range wrapper.ChildElements() {
		for _, field := range request.ChildElements() {
			if field.Tag == "classification" {
				return consultation.Classification(strings.TrimSpace(field.Text()))
			}
		}
	}
	return ""
}

// workSOAP does what a message asks for.
func (p *Provider) workSOAP(ctx context.Context, code string, msg *soap.Message, content map[string]any, sent []*sentFiles) (any, string, error) {
	if code == SOAPService {
		answer, err := p.fromSOAP(content)
		if err != nil {
			return nil, "", err
		}
		answer.From, answer.MessageID = msg.Header.Client, msg.Header.ID
		r, err := p.receive(ctx, answer, sent[0])
		return receipt{string(r.Status), string(r.LegState)}, string(r.Status), err
	}
	data, err := json.Marshal(restSpelling(content["request"]))
	if err != nil {
		return nil, "", fmt.Errorf("writing a message as JSON: %w", err)
	}
	o := p.operations[code]
	return o.work(ctx, p, request{from: msg.Header.Client, messageID: msg.Header.ID, door: doorSOAP, content: data, files: sent})
}

// operation finds what the message asks for: exactly our subsystem, a known
// code and a known version, and a body that says the same (C-067, C-068). The
// Security Server checks only how the wrapper's name begins.
func (p *Provider) operation(msg *soap.Message) (*contract.Operation, error) {
	service := msg.Header.Service
	op, known := p.o.Contract.Operation(service.Code, service.Version)
	if service.Provider != p.o.Self || !known || service.Code != SOAPService && p.operations[service.Code].work == nil {
		return nil, refuse("client.unknown_service", "Unknown service: "+service.LogForm())
	}
	if !p.mayCall(msg.Header.Client, service.Code) {
		// Before anything of the body is looked at: who may not call learns
		// nothing about what would be wrong with it.
		return nil, refuse(codeAccessDenied, "the client may not call this service")
	}
	if op.Unsupported != nil {
		return nil, fmt.Errorf("operation %s: %w", op.Code, op.Unsupported)
	}
	space, name := msg.Name()
	if name != service.Code {
		return nil, refuse("client.inconsistent_headers", "Malformed SOAP message: service code does not match in header and body")
	}
	if space != op.Input.Namespace {
		return nil, refuse("client.invalid_body", "the body's element is not in the namespace "+op.Input.Namespace)
	}
	return op, nil
}

// violated turns the violations of the contract into a refusal that names them
// all; they hold places and rules, no values.
func violated(err error) error {
	violations, ok := errors.AsType[mapping.Violations](err)
	if !ok {
		return fmt.Errorf("reading the body: %w", err)
	}
	var text strings.Builder
	text.WriteString("the message does not follow the contract")
	separator := ": "
	for _, v := range violations {
		text.WriteString(separator + v.Path + " (" + v.Code + ") " + v.Message)
		separator = "; "
	}
	r := refuse("client.invalid_xml", text.String())
	r.Fields = len(violations)
	return r
}

// respond builds the answer to msg: its header fields and the content in the
// wrapper's element "response".
func respond(op *contract.Operation, msg *soap.Message, content map[string]any) ([]byte, error) {
	body, err := mapping.EncodeXML(op.Output, map[string]any{"response": content})
	if err != nil {
		return nil, fmt.Errorf("encoding the answer: %w", err)
	}
	data, err := soap.BuildAnswerXML(msg, body)
	if err != nil {
		return nil, fmt.Errorf("building the answer: %w", err)
	}
	return data, nil
}

// refuseInBody tells a negative result of the service in an ordinary answer, as
// PR-MESS 3.2 wants it.
func (p *Provider) refuseInBody(ctx context.Context, op *contract.Operation, msg *soap.Message, r *refusal) reply {
	body, err := respond(op, msg, map[string]any{"faultCode": r.Code, "faultString": r.Message})
	if err != nil {
		return p.fault(ctx, msg, err)
	}
	p.logRefused(ctx, doorSOAP, r, msg, p.o.NewID())
	return reply{status: http.StatusOK, body: body, result: resultRefused}
}

// fault tells that the service could not do its work. The text of an error that
// is ours stays here; the caller gets the id under which it is in the log.
func (p *Provider) fault(ctx context.Context, msg *soap.Message, err error) reply {
	correlation := p.o.NewID()
	f := soap.Fault{Code: codeInternal, String: "the message could not be handled; ask with the id in the detail", Detail: correlation}
	result := resultFailed
	if r, ok := technical(err); ok {
		f.Code, f.String, result = r.Code, short(r.Message), resultRefused
		p.logRefused(ctx, doorSOAP, r, msg, correlation)
	} else {
		p.logFailed(ctx, doorSOAP, err, correlation)
	}
	return reply{status: http.StatusInternalServerError, body: soap.BuildFault(f), result: result}
}
