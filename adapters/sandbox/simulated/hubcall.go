package simulated

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"ristmik/mapping"
	"ristmik/soap"
	"ristmik/soap/contract"
)

// refusedPrefix begins the result of what the hub refused.
const refusedPrefix = "refused: "

// refusedError is a message that the hub has understood and does not take:
// sending it again would change nothing.
type refusedError struct{ code string }

func (e *refusedError) Error() string { return refusedPrefix + e.code }

// rejected is a message that the hub did not acknowledge for another reason.
func rejected(code string) error { return errors.New(refusedPrefix + code) }

// call does one operation of the hub by the authority's own door: a content in
// the spelling of the REST service, and the answer in the same. The error is a
// *refusedError where the hub has refused.
func (w *World) call(ctx context.Context, a *authority, hub soap.ClientID, operation string, content map[string]any) (map[string]any, error) {
	if a.soap {
		return w.callSOAP(ctx, a, hub, operation, content)
	}
	method, path := http.MethodPost, "/consultations/"+url.PathEscape(fmt.Sprint(content["consultation_id"]))
	switch operation {
	case "listNotices":
		method, path = http.MethodGet, fmt.Sprintf("/notices?after=%v&limit=%v", content["after"], content["limit"])
	case "getConsultation":
		method = http.MethodGet
	case "announceDowntime":
		path = "/downtimes"
	default:
		path += map[string]string{
			"acknowledgeConsultation": "/acknowledgement", "takeIntoReview": "/review", "requestInformation": "/inquiries",
			"requestExtension": "/extensions", "submitAnswer": "/answers",
		}[operation]
	}
	var body []byte
	if method == http.MethodPost {
		rest := map[string]any{}
		for name, value := range content {
			if name != "consultation_id" { // it stands in the path
				rest[name] = value
			}
		}
		var err error
		if body, err = json.Marshal(rest); err != nil {
			return nil, fmt.Errorf("writing a message: %w", err)
		}
	}
	return w.callREST(ctx, a, hub, method, path, body)
}

// callREST calls the hub's REST service konsult.
func (w *World) callREST(ctx context.Context, a *authority, hub soap.ClientID, method, path string, body []byte) (map[string]any, error) {
	service := soap.ServiceID{Provider: hub, Code: "konsult"}
	req, err := http.NewRequestWithContext(ctx, method, strings.TrimSuffix(w.o.SecurityServer, "/")+"/r1/"+service.String()+path, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.Header.Set("X-Road-Client", a.subsystem.String())
	req.Header.Set("X-Road-Id", w.o.NewID())
	req.Header.Set("Accept", "application/json")
	if method == http.MethodPost {
		req.Header.Set("Content-Type", "application/json; charset=utf-8")
	}
	resp, err := w.client.Do(req)
	if err != nil {
		return nil, fmt.Errorf("calling the Security Server: %w", err)
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(io.LimitReader(resp.Body, maxBody))
	if err != nil {
		return nil, fmt.Errorf("reading the hub's answer: %w", err)
	}
	if code := resp.Header.Get("X-Road-Error"); code != "" {
		return nil, rejected(code)
	}
	var answer map[string]any
	readable := json.Unmarshal(data, &answer) == nil
	switch resp.StatusCode {
	case http.StatusOK:
		if !readable {
			return nil, errors.New("reading the hub's answer: it is not JSON")
		}
		return answer, nil
	case http.StatusBadRequest, http.StatusNotFound, http.StatusConflict, http.StatusUnprocessableEntity:
		code := fmt.Sprintf("HTTP %d", resp.StatusCode)
		if list, _ := answer["errors"].([]any); len(list) > 0 {
			if first, _ := list[0].(map[string]any); first["code"] != nil {
				code = fmt.Sprint(first["code"])
			}
		}
		return nil, &refusedError{code}
	default:
		return nil, rejected(fmt.Sprintf("HTTP %d", resp.StatusCode))
	}
}

// callSOAP calls one of the hub's SOAP services.
func (w *World) callSOAP(ctx context.Context, a *authority, hub soap.ClientID, operation string, content map[string]any) (map[string]any, error) {
	op, ok := w.contracts.hub.Operation(operation, "v1")
	if !ok {
		return nil, fmt.Errorf("the hub has no operation %s", operation)
	}
	request, _ := respelled(content, soapName).(map[string]any)
	body, err := mapping.EncodeXML(op.Input, map[string]any{"request": request})
	if err != nil {
		return nil, fmt.Errorf("writing a message: %w", err)
	}
	return w.sendSOAP(ctx, a, hub, op, body)
}

func (w *World) sendSOAP(ctx context.Context, a *authority, hub soap.ClientID, op *contract.Operation, body []byte) (map[string]any, error) {
	id := w.o.NewID()
	envelope, err := soap.BuildRequestXML(soap.Header{
		Client: a.subsystem, Service: soap.ServiceID{Provider: hub, Code: op.Code, Version: op.Version}, ID: id,
	}, body)
	if err != nil {
		return nil, fmt.Errorf("writing a message: %w", err)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, w.o.SecurityServer, bytes.NewReader(envelope))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", soap.ContentType)
	req.Header.Set("SOAPAction", `""`)
	resp, err := w.client.Do(req)
	if err != nil {
		return nil, fmt.Errorf("calling the Security Server: %w", err)
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(io.LimitReader(resp.Body, int64(w.o.Limits.Bytes)+1))
	if err != nil {
		return nil, fmt.Errorf("reading the hub's answer: %w", err)
	}
	answer, err := soap.ReadAnswer(data, w.o.Limits)
	switch {
	case err != nil:
		return nil, fmt.Errorf("reading the hub's answer: %w", err)
	case answer.Fault != nil && slices.Contains(badMessage, answer.Fault.Code):
		return nil, &refusedError{answer.Fault.Code}
	case answer.Fault != nil:
		return nil, rejected(answer.Fault.Code)
	case answer.Header.ID != id:
		return nil, rejected("the answer belongs to another message")
	}
	value, err := mapping.DecodeMessage(op.Output, answer)
	if err != nil {
		return nil, fmt.Errorf("reading the hub's answer: %w", err)
	}
	response, _ := value["response"].(map[string]any)
	if code, ok := response["faultCode"].(string); ok {
		return nil, &refusedError{code}
	}
	got, _ := respelled(response, restName).(map[string]any)
	return got, nil
}

// badMessage are the codes of Faults with which the hub says that the message
// itself is wrong.
var badMessage = []string{"client.invalid_xml", "client.invalid_body"}

// sendGarbage sends an answer that does not follow the contract.
func (w *World) sendGarbage(ctx context.Context, a *authority, c *consultation) error {
	if a.soap {
		op, ok := w.contracts.hub.Operation("submitAnswer", "v1")
		if !ok {
			return errors.New("the hub has no operation submitAnswer")
		}
		body := fmt.Sprintf(`<g:submitAnswer xmlns:g="%s"><request><mood>fine</mood></request></g:submitAnswer>`, op.Input.Namespace)
		_, err := w.sendSOAP(ctx, a, c.from, op, []byte(body))
		return err
	}
	_, err := w.callREST(ctx, a, c.from, http.MethodPost, "/consultations/"+url.PathEscape(c.id)+"/answers", []byte(`{"mood": "fine", `))
	return err
}

// plurals are the lists, which the contract calls by their elements.
var plurals = map[string]string{"notices": "notice", "inquiries": "inquiry", "conditions": "condition"}

// soapName and restName turn a name into the other spelling.
func soapName(s string) string {
	if one, ok := plurals[s]; ok {
		return one
	}
	first, rest, more := strings.Cut(s, "_")
	for more {
		var part string
		part, rest, more = strings.Cut(rest, "_")
		first += strings.ToUpper(part[:1]) + part[1:]
	}
	return first
}

func restName(s string) string {
	for many, one := range plurals {
		if s == one {
			return many
		}
	}
	var b strings.Builder
	for _, r := range s {
		if r >= 'A' && r <= 'Z' {
			b.WriteByte('_')
		}
		b.WriteString(strings.ToLower(string(r)))
	}
	return b.String()
}

func respelled(v any, name func(string) string) any {
	switch v := v.(type) {
	case []any:
		out := make([]any, len(v))
		for i := range v {
			out[i] = respelled(v[i], name)
		}
		return out
	case map[string]any:
		out := map[string]any{}
		for key, value := range v {
			out[name(key)] = respelled(value, name)
		}
		return out
	}
	return v
}
