package consultation

import (
	"context"

	"ristmik/adapters/consultation/files"
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
	files   Enclosed
}

// Enclosed is how the files of a question go with it over SOAP. Without a Store
// they are named with their hashes, and the authority fetches them.
type Enclosed struct {
	Store     *files.Store
	Packaging soap.Packaging
	Most      int64 // bytes of one question; what is beyond is named only. 64 MiB by default
}

// mostEnclosed is what goes through in the time that a delivery has, and what
// Security Servers take.
const mostEnclosed = 64 << 20

// NewSOAPWire asks an authority with the SOAP operation op (consultationRequest
// of the contract consultation-request.wsdl) at service. The authority answers
// later, with submitAnswer.
func NewSOAPWire(client *xroad.Client, service soap.ServiceID, op *contract.Operation, enclosed Enclosed) Wire {
	return soapWire{client, service, op, enclosed}
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
	call := xroad.Call{Service: w.service, UserID: q.Official, Issue: q.CaseReference, SOAPAction: w.op.SOAPAction}
	if err := w.write(ctx, &call, request, q); err != nil {
		return Reply{}, err
	}
	answer, err := w.xroad.Call(ctx, call)
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
