package registers

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"ristmik/soap/contract"
)

// describeREST writes the OpenAPI 3.1 document of a REST register: its own
// schemas, in the form of calls through the hub.
func describeREST(r *served) map[string]any {
	definitions := maps.Clone(r.REST.Schemas)
	own := func(name string, schema map[string]any) string {
		free := name
		for i := 2; definitions[free] != nil; i++ {
			free = fmt.Sprintf("%s_%d", name, i)
		}
		definitions[free] = schema
		return "#/components/schemas/" + free
	}
	problem, exchange := own("Problem", problemSchema()), own("Exchange", exchangeSchema())
	paths := map[string]any{}
	for _, op := range r.REST.Operations {
		if op.Unsupported == nil {
			paths["/v1/registers/"+r.Name+"/"+op.Code] = map[string]any{"post": restPath(r, op, problem, exchange)}
		}
	}
	return map[string]any{
		"openapi": "3.1.0",
		"info": map[string]any{
			"title": r.Title, "version": "1",
			"description": "Operations of " + restService(r.Register) + ", from the contract " + r.REST.Name +
				". The hub checks requests by it before the register is asked.",
		},
		"servers":    []any{map[string]any{"url": "/"}},
		"paths":      paths,
		"components": map[string]any{"schemas": definitions},
	}
}

func restService(r Register) string { return r.Provider.String() + "/" + r.Service }

func restPath(r *served, op *contract.RESTOperation, problem, exchange string) map[string]any {
	media, data := restMedia(r, op)
	answer := map[string]any{
		"type": "object", "required": []string{"status", "data", "exchange"},
		"properties": map[string]any{
			"status":   map[string]any{"type": "integer", "description": "The status of the register's own answer."},
			"data":     map[string]any{"anyOf": data},
			"unknown":  map[string]any{"type": "array", "items": map[string]any{"type": "string"}, "description": "Places of fields that the contract does not have."},
			"exchange": map[string]any{"$ref": exchange},
		},
	}
	if len(data) == 0 {
		answer["properties"].(map[string]any)["data"] = true
	}
	return map[string]any{
		"operationId": op.Code,
		"summary":     orCode(op.Title(), op.Code),
		"description": strings.TrimSpace(op.Description + "\n\nService " + restService(r.Register) + ", " + op.Endpoint.Method + " " + op.Endpoint.Path + "."),
		"parameters":  headerParameters(r.RequireUser || op.RequireUser, r.RequireIssue || op.RequireIssue, r.RequirePurpose),
		"requestBody": map[string]any{"required": true, "content": map[string]any{"application/json": media}},
		"responses":   responses(map[string]any{"schema": answer}, problem),
	}
}

// restMedia is what an operation takes, with examples, and the schemas of what it
// gives: by its table, or else as the contract says.
func restMedia(r *served, op *contract.RESTOperation) (media map[string]any, data []any) {
	t := r.restTables[op]
	media = map[string]any{"schema": op.Input}
	examples := map[string]any{}
	for name, fullest := range map[string]bool{"smallest": false, "fullest": true} {
		if value, err := r.REST.Example(op, fullest); err == nil {
			examples[name] = map[string]any{"value": value}
		}
	}
	if len(examples) > 0 {
		media["examples"] = examples
	}
	if t != nil && t.HasRequest() {
		media = tableExamples(map[string]any{"schema": t.RequestSchema(nil)}, t)
	}
	if t != nil && t.HasAnswer() {
		data = append(data, t.AnswerSchema(nil))
	}
	for _, status := range slices.Sorted(maps.Keys(op.Answers)) {
		if !strings.HasPrefix(status, "2") && status != "default" {
			continue
		}
		switch schema := op.Answers[status]; {
		case schema != nil && len(data) > 0 && t != nil && t.HasAnswer():
			// the table tells its form
		case schema != nil:
			data = append(data, schema)
		default:
			data = append(data, map[string]any{"type": "null"})
		}
	}
	return media, data
}
