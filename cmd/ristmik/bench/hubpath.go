package bench

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"

	"ristmik/adapters/xroad"
	"ristmik/mapping"
	"ristmik/soap/contract"
)

// HubPath is the hub's way to a register: JSON in, the contract's message, the
// call through the Security Server with all its checks, the contract's reading
// of the answer, JSON out.
type HubPath struct {
	op     *contract.Operation
	client *xroad.Client
}

// NewHubPath returns the path to a Security Server.
func NewHubPath(securityServer string) (*HubPath, error) {
	op, err := operation()
	if err != nil {
		return nil, err
	}
	client, err := xroad.New(xroad.Options{SecurityServer: securityServer, Client: Client})
	if err != nil {
		return nil, err
	}
	return &HubPath{op, client}, nil
}

// Ask makes one call and returns the content of the answer's wrapper.
func (h *HubPath) Ask(ctx context.Context, request map[string]any) (map[string]any, error) {
	body, err := mapping.EncodeXML(h.op.Input, map[string]any{"request": request})
	if err != nil {
		return nil, err
	}
	answer, err := h.client.Call(ctx, xroad.Call{Service: Service, XML: body, UserID: "EE81506151050", Issue: "C-1"})
	if err != nil {
		return nil, err
	}
	return mapping.DecodeMessage(h.op.Output, answer.Message)
}

// AskText is Ask with JSON texts.
func (h *HubPath) AskText(ctx context.Context, request []byte) ([]byte, error) {
	body, err := mapping.EncodeJSON(h.op.Input, slices.Concat([]byte(`{"request":`), request, []byte(`}`)))
	if err != nil {
		return nil, err
	}
	answer, err := h.client.Call(ctx, xroad.Call{Service: Service, XML: body, UserID: "EE81506151050", Issue: "C-1"})
	if err != nil {
		return nil, err
	}
	return mapping.DecodeJSON(h.op.Output, answer.Message)
}

// ServeHTTP is a front that takes the question as JSON.
func (h *HubPath) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	request, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 1<<20))
	if err != nil {
		http.Error(w, "no request", http.StatusBadRequest)
		return
	}
	out, err := h.AskText(r.Context(), request)
	if violations, ok := errors.AsType[mapping.Violations](err); ok {
		http.Error(w, violations.Error(), http.StatusUnprocessableEntity)
		return
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadGateway)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", strconv.Itoa(len(out)))
	_, _ = w.Write(out)
}

// check tells whether an answer is the stand-in's whole one.
func check(answer map[string]any, records int) error {
	response, _ := answer["response"].(map[string]any)
	if n, _ := response["leitud_kannete_arv"].(json.Number); n.String() != strconv.Itoa(records) {
		return fmt.Errorf("the answer says %q records, not %d", n, records)
	}
	return nil
}
