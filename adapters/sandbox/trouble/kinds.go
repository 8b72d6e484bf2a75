package trouble

import "slices"

// Kind is what a fault does.
type Kind string

// The kinds of faults.
const (
	Error             Kind = "error"
	Delay             Kind = "delay"
	Cut               Kind = "cut"
	RefuseConnections Kind = "refuse_connections"
	Hash              Kind = "hash"
	HeaderField       Kind = "field"
	Expire            Kind = "expire"
	Drip              Kind = "drip"
	Duplicate         Kind = "duplicate"
	Reorder           Kind = "reorder"
	Page              Kind = "page"
	ContentType       Kind = "content_type"
	TruncateMultipart Kind = "truncate_multipart"
	LoggableSize      Kind = "loggable_size"
	TLSCertificate    Kind = "tls_certificate"
	SOAPVersion       Kind = "soap_version"
)

// The places of a call where a fault can strike.
const (
	AtConnect  = "connect"  // before anything of a new connection is read
	AtProvider = "provider" // the request is whole, the provider has not been called
	AtAnswer   = "answer"   // the provider has answered, nothing of it has been sent
	AtBody     = "body"     // half of the body has been sent
)

// The protocols that a fault can be kept to.
const (
	SOAP = "soap"
	REST = "rest"
)

// Spec says what a kind of fault does and takes. Needed and Optional are its own
// parameters; Filtered kinds take service, client, protocol, nth, times and after
// as well. Times is what times is when it is not given, 0 being for ever.
// Protocol is the only one that the kind is for, "" is any.
type Spec struct {
	Kind             Kind
	Does             string
	Needed, Optional []string
	Filtered         bool
	Times            int
	Protocol         string
}

// filters are the parameters that choose the calls which are hit.
var filters = []string{"service", "client", "protocol", "nth", "times", "after"}

var specs = []Spec{
	{Error, "answers with an error of the Security Server", []string{"code"}, []string{"spelling", "message", "at"}, true, 1, ""},
	{Delay, "waits before the connection is read, before the provider is called, before the answer, or in the middle of the body", []string{"at", "delay"}, nil, true, 1, ""},
	{Cut, "closes the connection there, with a reset if wanted", []string{"at"}, []string{"reset"}, true, 1, ""},
	{RefuseConnections, "closes the door: idle connections are dropped and new ones refused", nil, nil, false, 0, ""},
	{Hash, "writes another request hash into the answer, or none", nil, []string{"value"}, true, 1, ""},
	{HeaderField, "writes another value of one header field into the answer, or leaves the field out", []string{"field"}, []string{"value"}, true, 1, ""},
	{Expire, "lets the global configuration or the server's authentication certificate expire", []string{"what"}, []string{"after"}, false, 0, ""},
	{Drip, "sends the answer in small pieces with a pause after each", []string{"delay"}, []string{"bytes"}, true, 1, ""},
	{Duplicate, "delivers the request to the provider twice", nil, nil, true, 1, ""},
	{Reorder, "holds a call for a second one, then swaps their answers, or delivers them in the other order", []string{"what"}, nil, true, 2, ""},
	{Page, "answers with the bare page of an HTTP layer", []string{"status"}, nil, true, 1, ""},
	{ContentType, "writes another content type into the answer, or none", nil, []string{"value"}, true, 1, ""},
	{TruncateMultipart, "makes the answer a multipart message that ends inside its first part", nil, nil, true, 1, ""},
	{LoggableSize, "refuses requests that are longer than the message log takes", []string{"bytes"}, nil, true, 0, ""},
	{TLSCertificate, "refuses the certificate of the client's information system", nil, nil, true, 0, ""},
	{SOAPVersion, "answers with a SOAP 1.2 envelope", nil, nil, true, 1, SOAP},
}

// Specs lists the kinds of faults.
func Specs() []Spec { return slices.Clone(specs) }

func specOf(k Kind) (Spec, bool) {
	i := slices.IndexFunc(specs, func(s Spec) bool { return s.Kind == k })
	if i < 0 {
		return Spec{}, false
	}
	return specs[i], true
}

// Takes lists the parameters of a kind that may be left out.
func (s Spec) Takes() []string {
	list := slices.Clone(s.Optional)
	if s.Filtered {
		list = append(list, filters...)
	}
	return list
}

// takes says whether the kind has that parameter.
func (s Spec) takes(parameter string) bool {
	return slices.Contains(s.Needed, parameter) || slices.Contains(s.Takes(), parameter)
}

// headerFields are the fields that a fault can alter: their names in a SOAP
// header and in the header of a REST answer ("" where there is none).
var headerFields = map[string]struct{ soap, rest string }{
	"id":               {"id", "x-road-id"},
	"client":           {"client", "x-road-client"},
	"service":          {"service", "x-road-service"},
	"request_id":       {"", "x-road-request-id"},
	"user_id":          {"userId", ""},
	"issue":            {"issue", ""},
	"protocol_version": {"protocolVersion", ""},
}
