package consultation

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"ristmik/adapters/xroad"
	"ristmik/mapping"
	"ristmik/soap"
	"ristmik/soap/contract"
)

// soapTeller tells with the SOAP operation consultationNotice.
type soapTeller struct {
	xroad   *xroad.Client
	service soap.ServiceID
	op      *contract.Operation
}

// NewSOAPTeller tells an authority with the SOAP operation op (consultationNotice
// of the contract consultation-request.wsdl) at service.
func NewSOAPTeller(client *xroad.Client, service soap.ServiceID, op *contract.Operation) Teller {
	return soapTeller{client, service, op}
}

// Tell sends a notice; that of one question carries its case as issue.
func (w soapTeller) Tell(ctx context.Context, t Telling) (string, error) {
	if w.op.Unsupported != nil {
		return "", &soap.Failure{Kind: soap.KindInternal, Code: "contract.unsupported", Message: "the operation cannot be used", Err: w.op.Unsupported}
	}
	request := map[string]any{"noticeId": t.ID, "at": t.At.Format(time.RFC3339Nano), "total": t.Total}
	if t.Day != "" {
		request["day"] = t.Day
	}
	var entries []any
	for _, one := range t.Entries {
		e := map[string]any{
			"consultationId": one.LegID, "round": one.Round, "caseReference": one.CaseReference, "caseType": one.CaseType,
			"what": string(one.What), "state": string(one.State),
		}
		if one.Percent != 0 {
			e["percent"] = one.Percent
		}
		if one.DueAt != nil {
			e["dueAt"] = one.DueAt.Format(time.RFC3339Nano)
		}
		entries = append(entries, e)
	}
	request["entry"] = entries
	body, err := mapping.EncodeXML(w.op.Input, map[string]any{"request": request})
	if err != nil {
		return "", &soap.Failure{Kind: soap.KindFixData, Code: "notice.contract", Message: "the notice does not fit the contract", Err: err}
	}
	answer, err := w.xroad.Call(ctx, xroad.Call{Service: w.service, XML: body, Issue: t.issue(), SOAPAction: w.op.SOAPAction})
	if err != nil {
		return "", err
	}
	id := answer.Exchange.MessageID
	content, err := mapping.DecodeMessage(w.op.Output, answer.Message)
	if err != nil {
		return id, unreadable(id, err)
	}
	response, _ := content["response"].(map[string]any)
	code, coded := response["faultCode"].(string)
	if _, worded := response["faultString"]; coded || worded {
		return id, businessFault(code, id)
	}
	return id, nil
}

// issue is the case of a telling about one question.
func (t Telling) issue() string {
	if t.Day != "" || len(t.Entries) != 1 {
		return ""
	}
	return t.Entries[0].CaseReference
}

// restTeller tells with POST /notices.
type restTeller struct {
	xroad   *xroad.Client
	service soap.ServiceID
}

// NewRESTTeller tells an authority with POST /notices of its X-Road REST service.
func NewRESTTeller(client *xroad.Client, service soap.ServiceID) Teller {
	return restTeller{client, service}
}

// Tell sends a notice; that of one question carries its case as X-Road-Issue.
// Every success is one, whatever the body says.
func (w restTeller) Tell(ctx context.Context, t Telling) (string, error) {
	body, err := json.Marshal(t)
	if err != nil {
		return "", &soap.Failure{Kind: soap.KindInternal, Code: "notice", Message: "the notice cannot be written", Err: err}
	}
	answer, err := w.xroad.REST(ctx, xroad.RESTCall{
		Service: w.service, Method: http.MethodPost, Path: "/notices", Header: http.Header{"Accept": {"application/json"}},
		ContentType: "application/json; charset=utf-8", Body: body, Issue: t.issue(),
	})
	if err != nil {
		return "", err
	}
	id := answer.Exchange.MessageID
	if answer.Status/100 != 2 {
		return id, &soap.Failure{
			Kind: xroad.KindOfStatus(answer.Status), Code: fmt.Sprintf("http.%d", answer.Status), Message: "the authority did not take the notice", MessageID: id,
		}
	}
	return id, nil
}
