package consultation

import (
	"context"

	"ristmik/adapters/xroad"
	"ristmik/mapping"
	"ristmik/soap"
	"ristmik/soap/contract"
)

// soapWire asks with the SOAP operation consultationRequest.
type soapWire struct {
	xroad   *xroad.Client
	service soap.ServiceID
	op      *contract.Operation
}

// NewSOAPWire asks an authority with the SOAP operation op (consultationRequest
// of the contract consultation-request.wsdl) at service. The authority answers
// later, with submitAnswer.
func NewSOAPWire(client *xroad.Client, service soap.ServiceID, op *contract.Operation) Wire {
	return soapWire{client, service, op}
}

// Ask sends the question with the case as issue and the official as user id, so
// that both sides' logs tell whose question it was.
func (w soapWire) Ask(ctx context.Context, q Question) (Reply, error) {
	if w.op.Unsupported != nil {
		return Reply{}, &soap.Failure{Kind: soap.KindInternal, Code: "contract.unsupported", Message: "the operation cannot be used", Err: w.op.Unsupported}
	}
	request := map[string]any{
		"consultationId": q.LegID, "round": q.Round, "caseReference": q.CaseReference, "caseType": q.CaseType,
		"legalBasis": q.LegalBasis, "purpose": q.Purpose,
	}
	for name, value := range map[string]string{
		"personalCode": q.PersonalCode, "givenName": q.GivenName, "surname": q.Surname,
		"birthDate": q.BirthDate, "citizenship": q.Citizenship, "documentNumber": q.DocumentNumber, "documentCountry": q.DocumentCountry,
		"employerCode": q.EmployerCode, "occupation": q.Occupation, "classification": string(q.Classification),
	} {
		if value != "" {
			request[name] = value
		}
	}
	body, err := mapping.EncodeXML(w.op.Input, map[string]any{"request": request})
	if err != nil {
		return Reply{}, &soap.Failure{Kind: soap.KindFixData, Code: "question.contract", Message: "the question does not fit the contract", Err: err}
	}
	answer, err := w.xroad.Call(ctx, xroad.Call{
		Service: w.service, XML: body, UserID: q.Official, Issue: q.CaseReference, SOAPAction: w.op.SOAPAction,
	})
	if err != nil {
		return Reply{}, err
	}
	reply := Reply{MessageID: answer.Exchange.MessageID}
	content, err := mapping.DecodeMessage(w.op.Output, answer.Message)
	if err != nil {
		return reply, unreadable(reply.MessageID, err)
	}
	response, _ := content["response"].(map[string]any)
	code, coded := response["faultCode"].(string)
	if _, worded := response["faultString"]; coded || worded {
		return reply, businessFault(code, reply.MessageID)
	}
	reply.ReceiptID, _ = response["receiptId"].(string)
	if !goodReceipt(reply.ReceiptID) {
		return reply, unreadable(reply.MessageID, nil)
	}
	return reply, nil
}
