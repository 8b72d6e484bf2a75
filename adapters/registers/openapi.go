package registers

import (
	"strings"

	"ristmik/mapping"
	"ristmik/soap/contract"
)

// describe writes the OpenAPI 3.1 document of one register. Its examples are
// samples of the contract, so they are valid.
func describe(r *served) map[string]any {
	schemas := mapping.NewSchemas("#/components/schemas/")
	definitions := schemas.Definitions()
	// First, so that a type of the contract with such a name gets another one.
	definitions["Problem"] = problemSchema()
	definitions["Exchange"] = exchangeSchema()
	paths := map[string]any{}
	for _, op := range r.Contract.Operations() {
		if op.Unsupported != nil {
			continue
		}
		if r.newest[op.Code] != op {
			continue // an older version is called with ?version= and described by its contract
		}
		paths["/v1/registers/"+r.Name+"/"+op.Code] = map[string]any{"post": path(r, op, schemas)}
	}
	return map[string]any{
		"openapi": "3.1.0",
		"info": map[string]any{
			"title": r.Title, "version": "1",
			"description": "Operations of " + r.Provider.String() + ", from the contract " + r.Contract.Name() +
				". The hub checks requests by it before the register is asked.",
		},
		"servers":    []any{map[string]any{"url": "/"}},
		"paths":      paths,
		"components": map[string]any{"schemas": definitions},
	}
}

func path(r *served, op *contract.Operation, schemas *mapping.Schemas) map[string]any {
	answer := map[string]any{
		"type": "object", "required": []string{"data", "exchange"},
		"properties": map[string]any{
			"data":     r.schemaOf(op, true, schemas),
			"unknown":  map[string]any{"type": "array", "items": map[string]any{"type": "string"}, "description": "Places of fields that the contract does not have."},
			"exchange": map[string]any{"$ref": "#/components/schemas/Exchange"},
		},
	}
	media := map[string]any{"schema": r.schemaOf(op, false, schemas)}
	if t := r.tables[op]; t != nil && t.HasRequest() {
		media = tableExamples(media, t)
	} else {
		media = withExamples(media, op.Input)
	}
	operation := map[string]any{
		"operationId": op.Code,
		"summary":     orCode(op.Title, op.Code),
		"description": strings.TrimSpace(op.TitleIn("et") + "\n\nService " + serviceOf(r.Register, op).String() + "."),
		"parameters":  headerParameters(r.RequireUser, r.RequireIssue, r.RequirePurpose),
		"requestBody": map[string]any{"required": true, "content": map[string]any{
			"application/json": media,
		}},
		"responses": responses(map[string]any{"schema": answer}, "#/components/schemas/Problem"),
	}
	return operation
}

// headerParameters describe by which headers a call says who asks and why.
func headerParameters(requireUser, requireIssue, requirePurpose bool) []any {
	parameter := func(name, description string, required bool) map[string]any {
		return map[string]any{"name": name, "in": "header", "required": required, "description": description, "schema": map[string]any{"type": "string", "maxLength": 255}}
	}
	return []any{
		parameter(headerUser, "The person on whose behalf the call is made, with the country before the code.", requireUser),
		parameter(headerIssue, "The reference of the case, which says why the call is made.", requireIssue),
		parameter(headerPurpose, "What the data are asked for, in words. It is recorded with the exchange and not sent to the register.", requirePurpose),
	}
}

// responses describe what may come of a call; the answer to a success is media,
// all others refer to the problem document.
func responses(media map[string]any, ref string) map[string]any {
	problem := func(description string) map[string]any {
		return map[string]any{"description": description, "content": map[string]any{
			"application/problem+json": map[string]any{"schema": map[string]any{"$ref": ref}},
		}}
	}
	return map[string]any{
		"200": map[string]any{"description": "The register's answer.", "headers": headerFacts(), "content": map[string]any{"application/json": media}},
		"400": problem("Not JSON, or a header is wrong or missing."),
		"401": problem("No token, or an unknown one."),
		"422": problem("The body does not keep to the contract, or the register refused."),
		"502": problem("The register's answer cannot be used, or rights are missing."),
		"503": problem("The register or the Security Server cannot be reached; try again."),
		"504": problem("No answer in time: the register may have acted."),
	}
}

func orCode(title, code string) string {
	if title != "" {
		return title
	}
	return code
}

// withExamples adds the smallest and the fullest valid message.
func withExamples(media map[string]any, el *contract.Element) map[string]any {
	examples := map[string]any{}
	for name, extent := range map[string]mapping.Extent{"smallest": mapping.Smallest, "fullest": mapping.Fullest} {
		if value, err := mapping.Sample(el, extent); err == nil {
			examples[name] = map[string]any{"value": value}
		}
	}
	if len(examples) > 0 {
		media["examples"] = examples
	}
	return media
}

func problemSchema() map[string]any {
	text := map[string]any{"type": "string"}
	return map[string]any{
		"type": "object", "description": "A problem document (RFC 9457).", "required": []string{"type", "title", "status"},
		"properties": map[string]any{
			"type": text, "title": text, "status": map[string]any{"type": "integer"}, "detail": text, "instance": text,
			"kind": text, "turn": text, "code": text, "reason": text, "message_id": text,
			"answer": map[string]any{"description": "What a REST register itself said, where that is JSON."},
			"errors": map[string]any{"type": "array", "items": map[string]any{
				"type": "object", "required": []string{"path", "code", "message"},
				"properties": map[string]any{"path": text, "code": text, "message": text},
			}},
		},
	}
}

func exchangeSchema() map[string]any {
	text := func(description string) map[string]any {
		return map[string]any{"type": "string", "description": description}
	}
	return map[string]any{
		"type": "object", "required": []string{"service", "message_id", "request_hash", "answered_at", "data_as_of", "data_age_s", "took_ms"},
		"properties": map[string]any{
			"service":      text("The service that was called."),
			"message_id":   text("The X-Road message id, by which the signed evidence is found."),
			"request_hash": text("The hash of the request as the provider's Security Server received it."),
			"answered_at":  map[string]any{"type": "string", "format": "date-time", "description": "When the answer came."},
			"data_as_of":   map[string]any{"type": "string", "format": "date-time", "description": "The moment that the data are of: what the answer says itself, else when it came."},
			"data_age_s":   map[string]any{"type": "integer", "minimum": 0, "description": "How old the data were when the answer came, in seconds."},
			"took_ms":      map[string]any{"type": "integer", "minimum": 0, "description": "How long the register took, in milliseconds."},
		},
	}
}
