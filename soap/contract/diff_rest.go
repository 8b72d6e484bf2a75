package contract

import (
	"maps"
	"slices"
	"strings"
)

// CompareREST is [Compare] for descriptions of REST services. An operation is
// known by its code, fields by their place in the one object of a request and in
// the body of an answer. Answers that are no successes do not count: their bodies
// are read as they come.
func CompareREST(older, newer *REST) []Difference { return CompareRESTUsed(older, newer, everything) }

// CompareRESTUsed is [CompareUsed] for descriptions of REST services, whose
// operations have no version. The fields that are used are as in Path of a
// [Difference]; Filled may have the headers /header/X-Road-UserId and
// /header/X-Road-Issue.
func CompareRESTUsed(older, newer *REST, use func(code, version string) *Use) []Difference {
	var out []Difference
	for _, a := range older.Operations {
		c := schemaComparison{comparison: comparison{operation: a.Code, use: use(a.Code, "")}, older: older.Schemas, newer: newer.Schemas}
		if b := newer.Operation(a.Code); b == nil {
			c.add("", OperationRemoved, true, "the operation is gone")
		} else {
			c.rest(a, b)
		}
		out = append(out, c.list...)
	}
	for _, b := range newer.Operations {
		if older.Operation(b.Code) == nil {
			c := comparison{operation: b.Code}
			c.add("", OperationAdded, false, "the operation is new")
			out = append(out, c.list...)
		}
	}
	return out
}

func (c *schemaComparison) rest(a, b *RESTOperation) {
	if c.unusable(a.Unsupported, b.Unsupported) {
		return
	}
	if a.Endpoint.Method != b.Endpoint.Method || a.Endpoint.Path != b.Endpoint.Path {
		c.add("", EndpointChanged, true, "it is %s %s instead of %s %s", b.Endpoint.Method, b.Endpoint.Path, a.Endpoint.Method, a.Endpoint.Path)
	}
	c.direction = Request
	c.demanded("X-Road-UserId", a.RequireUser, b.RequireUser)
	c.demanded("X-Road-Issue", a.RequireIssue, b.RequireIssue)
	for _, x := range a.Parameters {
		for _, y := range b.Parameters {
			if x.Name == y.Name && x.In == y.In && (x.Style != y.Style || x.Explode != y.Explode || x.JSON != y.JSON) {
				c.add("/"+x.In+"/"+pointerStep(x.Name), TypeChanged, true, "the parameter is written in another way")
			}
		}
	}
	c.schemas(a.Input, b.Input, "")
	c.direction = Answer
	c.statuses(a.Answers, b.Answers)
	slices.SortStableFunc(c.list, func(x, y Difference) int {
		return strings.Compare(string(y.Direction)+x.Path, string(x.Direction)+y.Path)
	})
}

// demanded compares whether a header of X-Road must be there, which is no field
// of the one object: who calls gives it, or the configuration demands it of him.
func (c *schemaComparison) demanded(header string, before, now bool) {
	switch at := "/header/" + header; {
	case !before && now:
		c.note(at, FieldRequired, c.use != nil && !c.filled(at), "the header must be there now")
	case before && !now:
		c.note(at, FieldOptional, false, "the header may be missing now")
	}
}

// successes are the statuses whose bodies are read by the description.
func successes(answers map[string]any) (keys []string) {
	for _, key := range slices.Sorted(maps.Keys(answers)) {
		if strings.HasPrefix(key, "2") {
			keys = append(keys, key)
		}
	}
	if _, has := answers["default"]; has && keys == nil {
		keys = append(keys, "default")
	}
	return keys
}

func (c *schemaComparison) statuses(before, now map[string]any) {
	for _, key := range successes(now) {
		c.status = key
		older, has := before[key]
		for _, wider := range []string{"2XX", "default"} {
			if !has {
				older, has = before[wider]
			}
		}
		switch newer := now[key]; {
		case !has:
			c.add("", AnswerAdded, true, "the operation may answer with this status now, which the description did not have")
		case older == nil:
			// Nothing was said of a body: whatever comes is passed on.
		case newer == nil:
			c.add("", TypeChanged, true, "the answer need not have a body of JSON any more")
		default:
			c.schemas(older, newer, "")
		}
	}
	for _, key := range successes(before) {
		if _, has := now[key]; !has {
			c.status = key
			c.add("", AnswerRemoved, false, "the operation no longer answers with this status")
		}
	}
	c.status = ""
}
