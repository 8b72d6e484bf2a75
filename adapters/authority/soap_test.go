package authority_test

import (
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"ristmik/adapters/authority"
	"ristmik/soap"
	"ristmik/soap/conformance"
)

// A good answer is stored once; its receipt carries every header field of the
// request, in order, empty ones and extensions included (PR-MESS 2.2).
func TestSOAPAnswerIsTaken(t *testing.T) {
	t.Parallel()
	conformance.Covers(t, "C-069", "C-070", "C-071", "C-073", "C-074", "C-075")
	w := newWorld(t)
	got := w.send(w.answerOf("A-1"))
	if got.status != http.StatusOK || got.header.Get("Content-Type") != "text/xml; charset=UTF-8" {
		t.Fatalf("%d %s: %s", got.status, got.header.Get("Content-Type"), got.body)
	}
	answer, err := soap.ReadAnswer([]byte(got.body), soap.DefaultLimits())
	if err != nil || answer.Fault != nil {
		t.Fatalf("%v %v", err, answer.Fault)
	}
	var fields []string
	for _, e := range answer.Header.Elements() {
		fields = append(fields, e.NamespaceURI()+" "+e.Tag)
	}
	want := []string{
		soap.NSXRoad + " protocolVersion", soap.NSXRoad + " issue", soap.NSXRoad + " client", "http://x-road.eu/xsd/pdu.xsd pdu",
		soap.NSXRoad + " id", soap.NSXRoad + " service", soap.NSXRoad + " userId",
	}
	if diff := cmp.Diff(want, fields); diff != "" {
		t.Errorf("header fields:\n%s", diff)
	}
	if pdu := answer.Header.Block("http://x-road.eu/xsd/pdu.xsd", "pdu"); pdu == nil || pdu.SelectAttrValue("hidden", "") != "true" || len(pdu.ChildElements()) != 1 {
		t.Error("the extension lost its content")
	}
	if answer.Header.ID != messageID || answer.Header.Client != security || answer.Header.UserID != "EE81506151050" {
		t.Errorf("header: %+v", answer.Header)
	}
	if answer.Body().Tag != "submitAnswerResponse" || answer.Body().NamespaceURI() != "http://ristmik.x-road.eu/consultation" {
		t.Errorf("wrapper {%s}%s", answer.Body().NamespaceURI(), answer.Body().Tag)
	}
	response := soap.Child(answer.Body(), "", "response")
	if s := soap.Child(response, "", "status"); s == nil || s.Text() != "accepted" {
		t.Errorf("status in %s", got.body)
	}
	if s := soap.Child(response, "", "legState"); s == nil || s.Text() != "ANSWERED" {
		t.Errorf("state in %s", got.body)
	}
	var door, id, from string
	if err := w.pool.QueryRow(t.Context(), `select door, message_id, from_client from consultation.answer where answer_id = 'A-1'`).Scan(&door, &id, &from); err != nil || door != "soap" || id != messageID || from != security.String() {
		t.Errorf("stored: door %q, message %q, from %q, %v", door, id, from, err)
	}
	if lines := w.log.take(); len(lines) != 1 || strings.Contains(lines[0], "A-1") {
		t.Errorf("a message that was taken is one line, without its content: %v", lines)
	}
}

// The same message again, even many at once and under the same X-Road id, has
// one effect and the first receipt (C-168).
func TestSOAPAnswerTwiceIsOneAnswer(t *testing.T) {
	t.Parallel()
	conformance.Covers(t, "C-168")
	w := newWorld(t)
	var wg sync.WaitGroup
	results := make(chan string, 8)
	for range cap(results) {
		wg.Go(func() {
			got := w.send(w.answerOf("A-1"))
			for _, status := range []string{"accepted", "duplicate"} {
				if got.status == http.StatusOK && strings.Contains(got.body, "<status>"+status+"</status><legState>ANSWERED</legState>") {
					results <- status
					return
				}
			}
			results <- got.body
		})
	}
	wg.Wait()
	close(results)
	count := map[string]int{}
	for r := range results {
		count[r]++
	}
	if diff := cmp.Diff(map[string]int{"accepted": 1, "duplicate": 7}, count); diff != "" {
		t.Error(diff)
	}
	var n int
	if err := w.pool.QueryRow(t.Context(), `select count(*) from consultation.answer`).Scan(&n); err != nil || n != 1 {
		t.Errorf("%d answers, %v", n, err)
	}
}

// What is understood and not allowed is a result of the service, not a Fault
// (PR-MESS 3.2): nobody is told more than that there is no such consultation.
func TestSOAPRefusalsAreAnswers(t *testing.T) {
	t.Parallel()
	conformance.Covers(t, "C-074", "C-084")
	w := newWorld(t)
	unknown := `<faultCode>consultation.unknown</faultCode><faultString>no such consultation</faultString>`
	for name, c := range map[string]struct{ from, to, want string }{
		"unknown consultation":         {w.leg("security"), "0b1d2a7e-5c0f-4b7e-9a55-000000000000", unknown},
		"consultation of another":      {w.leg("security"), w.leg("labour"), unknown},
		"no id at all":                 {w.leg("security"), "1 or 1=1", unknown},
		"wrong round":                  {"<round>1<", "<round>2<", "<faultCode>round.not_current</faultCode><faultString>/round: "},
		"objection without its ground": {"NO_OBJECTION", "OBJECTION", "<faultCode>required</faultCode><faultString>/legalGround: "},
	} {
		got := w.send(strings.Replace(w.answerOf("A-1"), c.from, c.to, 1))
		if got.status != http.StatusOK || !strings.Contains(got.body, "submitAnswerResponse") || !strings.Contains(got.body, c.want) {
			t.Errorf("%s: %d %s", name, got.status, got.body)
		}
		w.oneLine(name)
	}
	if n := w.stored(); n != 0 {
		t.Errorf("%d rows are stored", n)
	}
	if got := w.send(w.answerOf("A-1")); !strings.Contains(got.body, "accepted") {
		t.Fatal(got.body)
	}
	if got := w.send(strings.Replace(w.answerOf("A-1"), "NO_OBJECTION", "APPROVED", 1)); !strings.Contains(got.body, "<faultCode>answer_id.reused</faultCode>") {
		t.Errorf("another answer under the same id: %s", got.body)
	}
}

// oneLine checks that exactly one line was logged, without any content.
func (w *world) oneLine(name string) {
	w.t.Helper()
	lines := w.log.take()
	if len(lines) != 1 {
		w.t.Errorf("%s: %d log lines: %v", name, len(lines), lines)
		return
	}
	if strings.Contains(lines[0], "MARKER") || strings.Contains(lines[0], "71506150400") {
		w.t.Errorf("%s: the log holds content: %s", name, lines[0])
	}
	if !strings.Contains(lines[0], `"correlation_id"`) || !strings.Contains(lines[0], `"code"`) {
		w.t.Errorf("%s: the line does not tell what happened: %s", name, lines[0])
	}
}

// Whatever comes to the SOAP door, the answer is a Fault with its reason and an
// id for the log, nothing is stored, and one line without content is logged.
func TestBadInputAtTheSOAPDoor(t *testing.T) {
	t.Parallel()
	conformance.Covers(t, "C-068", "C-074", "C-075", "C-084", "C-085", "C-167")
	w := newWorld(t, func(o *authority.Options) { o.Limits = soap.Limits{Bytes: 1 << 20} })
	good := w.answerOf("A-1")
	swap := func(from, to string) string {
		if !strings.Contains(good, from) {
			t.Fatalf("the good message has no %s", from)
		}
		return strings.Replace(good, from, to, 1)
	}
	without := func(field string) string {
		from := strings.Index(good, "<xrd:"+field)
		end := "</xrd:" + field + ">"
		to := strings.Index(good, end) + len(end)
		if from < 0 || to < from {
			t.Fatalf("the good message has no %s", field)
		}
		return good[:from] + good[to:]
	}
	inBody := func(body string) string { return message(body) }
	wrapper := good[strings.Index(good, "<p:submitAnswer") : strings.Index(good, "</p:submitAnswer>")+len("</p:submitAnswer>")]
	justification := "<justification>" + marker + "</justification>"

	for name, c := range map[string]struct{ message, code string }{
		"document type":              {strings.Replace(good, "<e:Envelope", `<!DOCTYPE x [<!ENTITY m "`+marker+`">]><e:Envelope`, 1), "client.invalid_soap"},
		"two roots":                  {good + "<x/>", "client.invalid_soap"},
		"empty":                      {"", "client.invalid_soap"},
		"cut short":                  {good[:len(good)/2], "client.invalid_soap"},
		"not UTF-8":                  {swap(marker, marker+"\xff"), "client.invalid_soap"},
		"another encoding":           {swap("UTF-8", "ISO-8859-1"), "client.invalid_soap"},
		"undeclared prefix":          {swap("<request>", "<request><zz:x/>"), "client.invalid_soap"},
		"wrong envelope namespace":   {swap(soap.NSEnvelope, "http://www.w3.org/2003/05/soap-envelope"), "client.invalid_soap"},
		"65 levels":                  {swap(justification, strings.Repeat("<a>", 61)+marker+strings.Repeat("</a>", 61)), "client.invalid_soap"},
		"over the limit":             {swap(marker, marker+strings.Repeat("x", 1<<20)), "client.invalid_soap"},
		"no client":                  {without("client"), "client.missing_header_field"},
		"no service":                 {without("service"), "client.missing_header_field"},
		"no id":                      {without("id"), "client.missing_header_field"},
		"no protocol version":        {without("protocolVersion"), "client.missing_header_field"},
		"empty id":                   {swap("<xrd:id>"+messageID, "<xrd:id>"), "client.missing_header_field"},
		"id with a line break":       {swap(messageID, "a\nb"), "client.missing_header_field"},
		"id too long":                {swap(messageID, strings.Repeat("a", 256)), "client.missing_header_field"},
		"duplicate id":               {swap("<xrd:userId>", "<xrd:id>x</xrd:id><xrd:userId>"), "client.duplicate_header_field"},
		"wrong protocol version":     {swap(">4.0<", ">3.1<"), "client.invalid_protocol_version"},
		"no object type":             {swap(` id:objectType="SUBSYSTEM"`, ""), "client.invalid_xml"},
		"blank member code":          {swap("<id:memberCode>70000591</id:memberCode>", "<id:memberCode> </id:memberCode>"), "client.internal_error"},
		"block to be understood":     {swap(`<pdu:pdu `, `<pdu:pdu e:mustUnderstand="1" `), "client.must_understand"},
		"unknown operation":          {strings.ReplaceAll(good, "submitAnswer", "submitQuestion"), "client.unknown_service"},
		"unknown version":            {swap("<id:serviceVersion>v1<", "<id:serviceVersion>v9<"), "client.unknown_service"},
		"no version":                 {swap("<id:serviceVersion>v1</id:serviceVersion>", ""), "client.unknown_service"},
		"foreign provider":           {swap("<id:subsystemCode>ristmik<", "<id:subsystemCode>muu<"), "client.unknown_service"},
		"foreign member":             {swap("<id:memberCode>70008747<", "<id:memberCode>70008748<"), "client.unknown_service"},
		"wrapper of another service": {strings.ReplaceAll(good, "p:submitAnswer", "p:withdrawAnswer"), "client.inconsistent_headers"},
		"wrapper with a longer name": {strings.ReplaceAll(good, "p:submitAnswer", "p:submitAnswerNow"), "client.inconsistent_headers"},
		"wrapper in no namespace":    {strings.NewReplacer("<p:submitAnswer", "<submitAnswer", "</p:submitAnswer", "</submitAnswer").Replace(good), "client.invalid_body"},
		"wrapper in another":         {swap("http://ristmik.x-road.eu/consultation", "http://ristmik.x-road.eu/permits"), "client.invalid_body"},
		"two body children":          {inBody(wrapper + wrapper), "client.invalid_body"},
		"empty body":                 {inBody(""), "client.invalid_body"},
		"a Fault":                    {inBody(`<e:Fault><faultcode>` + marker + `</faultcode><faultstring>` + marker + `</faultstring></e:Fault>`), "client.invalid_body"},
		"unknown element":            {swap(justification, "<"+marker+"/>"), "client.invalid_xml"},
		"unknown attribute":          {swap("<justification>", `<justification x="`+marker+`">`), "client.invalid_xml"},
		"missing element":            {swap("<round>1</round>", ""), "client.invalid_xml"},
		"wrong order":                {swap("<round>1</round><answerCode>NO_OBJECTION</answerCode>", "<answerCode>NO_OBJECTION</answerCode><round>1</round>"), "client.invalid_xml"},
		"bad enumeration":            {swap("NO_OBJECTION", marker), "client.invalid_xml"},
		"not a number":               {swap("<round>1<", "<round>"+marker+"<"), "client.invalid_xml"},
		"number out of range":        {swap("<round>1<", "<round>99999999999<"), "client.invalid_xml"},
		"not a time":                 {swap("2026-11-20T14:00:00+02:00", marker), "client.invalid_xml"},
		"a time beyond time":         {swap("2026-11-20T14:00:00+02:00", "294277-11-20T14:00:00+02:00"), "client.invalid_xml"},
		"qualified element":          {strings.NewReplacer("<round>", "<p:round>", "</round>", "</p:round>").Replace(good), "client.invalid_xml"},
	} {
		w.isFault(name, c.code, w.send(c.message))
	}

	xml := []string{"Content-Type", "text/xml; charset=UTF-8"}
	for name, c := range map[string]struct {
		method, path, code string
		headers            []string
	}{
		"GET":                   {http.MethodGet, "/soap", "client.invalid_http_method", nil},
		"PUT":                   {http.MethodPut, "/soap", "client.invalid_http_method", xml},
		"PUT of the WSDL":       {http.MethodPut, "/soap?wsdl", "client.invalid_http_method", xml},
		"SOAP 1.2":              {http.MethodPost, "/soap", "client.invalid_content_type", []string{"Content-Type", "application/soap+xml"}},
		"JSON":                  {http.MethodPost, "/soap", "client.invalid_content_type", []string{"Content-Type", "application/json"}},
		"no content type":       {http.MethodPost, "/soap", "client.invalid_content_type", nil},
		"two content types":     {http.MethodPost, "/soap", "client.invalid_content_type", append(xml, "Content-Type", "text/xml")},
		"another charset":       {http.MethodPost, "/soap", "client.invalid_content_type", []string{"Content-Type", "text/xml; charset=windows-1257"}},
		"multipart of no parts": {http.MethodPost, "/soap", "client.missing_soap", []string{"Content-Type", `multipart/related; boundary="x"`}},
		"a content coding":      {http.MethodPost, "/soap", "client.invalid_content_type", append(xml, "Content-Encoding", "gzip")},
		"broken content type":   {http.MethodPost, "/soap", "client.invalid_content_type", []string{"Content-Type", ";;"}},
		"SOAPAction of another": {http.MethodPost, "/soap?x=1", "client.inconsistent_headers", append(xml, "SOAPAction", `"submitAnswer"`)},
	} {
		body := good
		if name == "SOAPAction of another" {
			body = strings.ReplaceAll(good, "p:submitAnswer", "p:withdrawAnswer")
		}
		w.isFault(name, c.code, w.do(c.method, c.path, strings.NewReader(body), c.headers...))
	}
	for _, o := range w.results() {
		if o.Result != "refused" || o.Door != "soap" {
			t.Errorf("observed %+v", o)
		}
	}
	if got := w.send(good); got.status != http.StatusOK {
		t.Errorf("the good message itself: %d %s", got.status, got.body)
	}
}

// isFault checks one refusal of a message as such.
func (w *world) isFault(name, code string, got response) {
	w.t.Helper()
	if got.status != http.StatusInternalServerError || got.header.Get("Content-Type") != "text/xml; charset=UTF-8" {
		w.t.Errorf("%s: %d %s", name, got.status, got.header.Get("Content-Type"))
	}
	m, err := soap.ReadAnswer([]byte(got.body), soap.DefaultLimits())
	if err != nil || m.Fault == nil {
		w.t.Errorf("%s: not a Fault: %v %s", name, err, got.body)
	} else if m.Fault.Code != code || m.Fault.String == "" || len(m.Fault.Detail) != 36 {
		w.t.Errorf("%s: want %s, got %+v", name, code, *m.Fault)
	}
	w.oneLine(name)
	if n := w.stored(); n != 0 {
		w.t.Errorf("%s: %d rows are stored", name, n)
	}
}

// Every violation of the contract is named at once, with its place and without
// its value.
func TestAllViolationsAreNamed(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	bad := strings.NewReplacer("<round>1</round>", "<round>"+marker+"</round>", "NO_OBJECTION", marker, "2026-11-20T14:00:00+02:00", marker).Replace(w.answerOf("A-1"))
	got := w.send(bad)
	for _, place := range []string{"/request/round", "/request/answerCode", "/request/answeredAt"} {
		if !strings.Contains(got.body, place) {
			t.Errorf("%s is not named: %s", place, got.body)
		}
	}
	if strings.Contains(got.body, marker) {
		t.Errorf("a value is told: %s", got.body)
	}
	// However many they are, the text stays short.
	many := strings.Replace(w.answerOf("A-1"), "<justification>", strings.Repeat("<condition/>", 400)+"<justification>", 1)
	if got := w.send(many); got.status != http.StatusInternalServerError || len(got.body) > 8192 {
		t.Errorf("%d, %d bytes", got.status, len(got.body))
	}
}

// A byte order mark and any SOAPAction are no fault; a time without a zone is
// Estonian.
func TestHarmlessOdditiesAreTaken(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	odd := "\xef\xbb\xbf" + strings.Replace(w.answerOf("A-1"), "14:00:00+02:00", "14:00:00", 1)
	got := w.do(http.MethodPost, "/soap", strings.NewReader(odd), "Content-Type", "TEXT/XML", "SOAPAction", `"urn:something:else"`)
	if got.status != http.StatusOK {
		t.Fatalf("%d %s", got.status, got.body)
	}
	var same bool
	if err := w.pool.QueryRow(t.Context(), `select answered_at = '2026-11-20T12:00:00Z' from consultation.answer`).Scan(&same); err != nil || !same {
		t.Errorf("the time is another, %v", err)
	}
}

// When the database fails the caller learns an id and no more, and the log has
// the id too.
func TestInnerTroubleStaysInside(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	// Databases like to tell the value that they did not like.
	if _, err := w.pool.Exec(t.Context(), `
		create function consultation.refuse() returns trigger language plpgsql as
		$$ begin raise exception 'no_more: %', new.justification; end $$;
		create trigger refuse before insert on consultation.answer for each row execute function consultation.refuse()`); err != nil {
		t.Fatal(err)
	}
	got := w.send(w.answerOf("A-1"))
	m, err := soap.ReadAnswer([]byte(got.body), soap.DefaultLimits())
	if err != nil || m.Fault == nil || got.status != http.StatusInternalServerError {
		t.Fatalf("%d %s", got.status, got.body)
	}
	if m.Fault.Code != "server.internal_error" || strings.Contains(got.body, "no_more") || strings.Contains(got.body, "P0001") {
		t.Errorf("%+v", *m.Fault)
	}
	lines := w.log.take()
	if len(lines) != 1 || !strings.Contains(lines[0], m.Fault.Detail) || !strings.Contains(lines[0], "P0001") || strings.Contains(lines[0], "MARKER") {
		t.Errorf("log: %v", lines)
	}
	if n := w.stored(); n != 0 {
		t.Errorf("%d rows are stored", n)
	}
	if diff := cmp.Diff([]authority.Observation{{Door: "soap", Result: "failed"}}, w.results()); diff != "" {
		t.Error(diff)
	}
}

// The end user may be required.
func TestUserIDMayBeRequired(t *testing.T) {
	t.Parallel()
	for _, required := range []bool{false, true} {
		t.Run(strconv.FormatBool(required), func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, func(o *authority.Options) { o.RequireUserID = required })
			got := w.send(strings.Replace(w.answerOf("A-1"), "<xrd:userId>EE81506151050</xrd:userId>", "", 1))
			rest := w.rest(w.leg("labour"), restBody("B-1"), "X-Road-Client", labour.String(), "X-Road-Id", messageID, "Content-Type", "application/json")
			if required && (got.status != http.StatusInternalServerError || rest.status != http.StatusBadRequest) ||
				!required && (got.status != http.StatusOK || rest.status != http.StatusOK) {
				t.Errorf("SOAP %d, REST %d", got.status, rest.status)
			}
		})
	}
}

func newProvider(t *testing.T, w *world) *authority.Provider {
	t.Helper()
	p, err := authority.New(authority.Options{Pool: w.pool, Procedure: w.procedure, Contract: load(t), Self: self, RESTService: "konsult", Callers: callers()})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// Who is not the Security Server reaches nothing.
func TestOnlyTheSecurityServerIsServed(t *testing.T) {
	t.Parallel()
	conformance.Covers(t, "C-138")
	w := newWorld(t, func(o *authority.Options) { o.AllowFrom = []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")} })
	w.isFault("a stranger", "client.not_security_server", w.send(w.answerOf("A-1")))
	w.isFault("a stranger reads", "client.not_security_server", w.do(http.MethodGet, "/soap?wsdl", nil))
	for from, status := range map[string]int{"192.0.2.7:4711": http.StatusForbidden, "127.0.0.1:4711": http.StatusOK, "[::1]:4711": http.StatusOK, "[::ffff:127.0.0.1]:4711": http.StatusOK, "@": http.StatusForbidden} {
		r := httptest.NewRequest(http.MethodGet, "/rest/openapi.json", nil)
		r.RemoteAddr = from
		rec := httptest.NewRecorder()
		newProvider(t, w).Handler().ServeHTTP(rec, r)
		if rec.Code != status {
			t.Errorf("from %s, with no addresses configured: %d", from, rec.Code)
		}
	}
	for _, path := range []string{"/rest/openapi.json", "/rest/v1/consultations/" + w.leg("labour") + "/answers", "/"} {
		if got := w.do(http.MethodPost, path, strings.NewReader("{}"), "X-Forwarded-For", "192.0.2.7"); got.status != http.StatusForbidden {
			t.Errorf("%s: %d", path, got.status)
		}
	}
}
