package simulated

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"time"

	"ristmik/mapping"
	"ristmik/soap"
)

// answerSOAP sends an answer to the hub's SOAP service submitAnswer.
func (w *World) answerSOAP(ctx context.Context, from soap.ClientID, c *consultation, a Answer) (string, error) {
	op := w.contracts.submitAnswer
	request := map[string]any{
		"answerId": a.ID, "consultationId": c.id, "round": c.round, "answerCode": a.Code,
		"answeredAt": a.AnsweredAt.UTC().Truncate(time.Second).Format(time.RFC3339),
	}
	for name, value := range map[string]string{"legalGround": a.LegalGround, "justification": a.Justification} {
		if value != "" {
			request[name] = value
		}
	}
	if len(a.Conditions) > 0 {
		var list []any
		for _, one := range a.Conditions {
			v := map[string]any{"code": one.Code, "text": one.Text}
			if one.ValidUntil != "" {
				v["validUntil"] = one.ValidUntil
			}
			list = append(list, v)
		}
		request["condition"] = list
	}
	body, err := mapping.EncodeXML(op.Input, map[string]any{"request": request})
	if err != nil {
		return "", fmt.Errorf("writing an answer: %w", err)
	}
	id := w.o.NewID()
	envelope, err := soap.BuildRequestXML(soap.Header{
		Client: from, Service: soap.ServiceID{Provider: c.from, Code: op.Code, Version: op.Version}, ID: id,
	}, body)
	if err != nil {
		return "", fmt.Errorf("writing an answer: %w", err)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, w.o.SecurityServer, bytes.NewReader(envelope))
	if err != nil {
		return "", err
	}
	req.Header.Set("Content-Type", soap.ContentType)
	req.Header.Set("SOAPAction", `""`)
	resp, err := w.client.Do(req)
	if err != nil {
		return "", fmt.Errorf("calling the Security Server: %w", err)
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(io.LimitReader(resp.Body, int64(w.o.Limits.Bytes)+1))
	if err != nil {
		return "", fmt.Errorf("reading the hub's answer: %w", err)
	}
	answer, err := soap.ReadAnswer(data, w.o.Limits)
	if err != nil {
		return "", fmt.Errorf("reading the hub's answer: %w", err)
	}
	if answer.Fault != nil {
		return "", rejected(answer.Fault.Code)
	}
	if answer.Header.ID != id {
		return "", rejected("the answer belongs to another message")
	}
	value, err := mapping.DecodeMessage(op.Output, answer)
	if err != nil {
		return "", fmt.Errorf("reading the hub's answer: %w", err)
	}
	response, _ := value["response"].(map[string]any)
	if code, ok := response["faultCode"].(string); ok {
		return "", rejected(code)
	}
	status, _ := response["status"].(string)
	return status, nil
}
