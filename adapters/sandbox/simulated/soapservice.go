package simulated

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"

	"ristmik/mapping"
	"ristmik/soap"
	"ristmik/soap/contract"
)

// contracts are the operations that the simulated systems offer or call.
type contracts struct {
	torik, permitNotice, consultationRequest, consultationNotice *contract.Operation
	hub                                                          *contract.Contract // what authorities call

	files map[*contract.Operation]string // the WSDL of each
	// partner describes what a REST service of a partner takes.
	partner []byte
}

func loadContracts(fsys fs.FS) (contracts, error) {
	c := contracts{files: map[*contract.Operation]string{}}
	for _, want := range []struct {
		file, code, version string
		into                **contract.Operation
	}{
		{"employment-register.wsdl", "TORIK", "v2", &c.torik},
		{"permit-notice.wsdl", "permitNotice", "v1", &c.permitNotice},
		{"consultation-request.wsdl", "consultationRequest", "v1", &c.consultationRequest},
		{"consultation-request.wsdl", "consultationNotice", "v1", &c.consultationNotice},
	} {
		k, err := contract.Load(fsys, want.file)
		if err != nil {
			return c, err
		}
		op, ok := k.Operation(want.code, want.version)
		if !ok {
			return c, fmt.Errorf("contract %s: there is no operation %s %s", want.file, want.code, want.version)
		}
		if op.Unsupported != nil {
			return c, fmt.Errorf("contract %s: operation %s: %w", want.file, want.code, op.Unsupported)
		}
		*want.into, c.files[op] = op, want.file
	}
	var err error
	if c.partner, err = fs.ReadFile(fsys, "partner.yaml"); err != nil {
		return c, err
	}
	c.hub, err = contract.Load(fsys, "consultation-answer.wsdl")
	return c, err
}

// businessFault is a negative answer of the service itself: the call worked,
// the register says no. It travels in the answer, not as a SOAP Fault (PR-MESS
// D.2).
type businessFault struct{ code, text string }

func (f *businessFault) Error() string { return f.code + ": " + f.text }

// operate does the work of one SOAP service: a request in the shape of its
// contract, the content of the answer's part "response" back.
type operate func(ctx context.Context, req *soap.Message, request map[string]any) (map[string]any, error)

// offered is one operation of a SOAP service.
type offered struct {
	op *contract.Operation
	do operate
}

// soapService serves operations of one description as an X-Road information system
// does: 200 for answers, 500 for Faults, text/xml for both.
func (w *World) soapService(first offered, more ...offered) http.Handler {
	return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodGet && r.URL.RawQuery == "wsdl" {
			http.ServeFileFS(rw, r, w.o.Contracts, w.contracts.files[first.op])
			return
		}
		op := first.op
		answer, err := func() ([]byte, error) {
			in, err := soap.OpenRequest(r.Header.Get("Content-Type"), r.Body, w.o.Limits)
			if err != nil {
				return nil, err
			}
			came, err := readParts(in)
			if err != nil {
				return nil, err
			}
			req, err := soap.ReadRequest(in.Envelope(), w.o.Limits)
			if err != nil {
				return nil, err
			}
			do := first.do
			for _, o := range more {
				if req.Header.Service.Code == o.op.Code {
					op, do = o.op, o.do
				}
			}
			if _, name := req.Name(); req.Header.Service.Code != op.Code || req.Header.Service.Version != op.Version || name != op.Code {
				return nil, &soap.Failure{Kind: soap.KindFixData, Code: "client.unknown_service", Message: fmt.Sprintf("this address serves %s %s only", op.Code, op.Version)}
			}
			decode := mapping.DecodeMessage
			if in.Multipart() && soap.ReferBy(req.Body(), "content", "contentRef") {
				decode = func(el *contract.Element, m *soap.Message) (map[string]any, error) {
					return mapping.Decode(el, m.Body())
				}
			}
			question, err := decode(op.Input, req)
			if err != nil {
				return nil, err
			}
			request, _ := question["request"].(map[string]any)
			response, err := map[string]any(nil), checkFiles(request, came)
			if err == nil {
				response, err = do(r.Context(), req, request)
			}
			if f, ok := errors.AsType[*businessFault](err); ok {
				response, err = map[string]any{"faultCode": f.code, "faultString": f.text}, nil
			}
			if err != nil {
				return nil, err
			}
			value := map[string]any{"response": response}
			if op == w.contracts.torik { // its answer repeats the question, as the tax board's do
				value["request"] = request
			}
			body, err := mapping.EncodeXML(op.Output, value)
			if err != nil {
				return nil, err
			}
			return soap.BuildAnswerXML(req, body)
		}()
		status := http.StatusOK
		if err != nil {
			status, answer = http.StatusInternalServerError, w.faultOf(op, err)
		}
		rw.Header().Set("Content-Type", soap.ContentType)
		rw.WriteHeader(status)
		rw.Write(answer)
	})
}

// faultOf writes a technical failure: the caller's message is at fault, or this
// system is; neither the text nor the log shows a value of the message.
func (w *World) faultOf(op *contract.Operation, err error) []byte {
	f := soap.Fault{Code: "SOAP-ENV:Client", String: err.Error(), Detail: w.o.NewID()}
	_, violations := errors.AsType[mapping.Violations](err)
	failure, malformed := errors.AsType[*soap.Failure](err)
	switch {
	case malformed:
		f.String = failure.Message
	case !violations:
		f.Code, f.String = "SOAP-ENV:Server", "Internal error"
		w.o.Log.Error("answering a SOAP request", "operation", op.Code, "error", err, "detail", f.Detail)
	}
	return soap.BuildFault(f)
}

// handler is the information system behind a listener.
func (w *World) handler(sys *system) (http.Handler, error) {
	switch sys.name {
	case EmploymentRegister:
		return w.soapService(offered{w.contracts.torik, w.torik}), nil
	case TaxPermits:
		return w.soapService(offered{w.contracts.permitNotice, w.permitNotice}), nil
	}
	a := w.authorities[sys.name]
	switch {
	case a == nil:
		return nil, fmt.Errorf("no simulated system is called %q", sys.name)
	case a.soap:
		return w.soapService(offered{w.contracts.consultationRequest, w.consultationRequest(a.name)}, offered{w.contracts.consultationNotice, w.consultationNotice(a.name)}), nil
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /openapi.yaml", w.restDescription)
	mux.HandleFunc("POST /consultations", w.restConsultation(a.name))
	mux.HandleFunc("POST /notices", w.restTold(a.name))
	if a.name == LabourInspectorate {
		mux.HandleFunc("POST /permit-notices", w.restNotice)
	}
	return mux, nil
}
