package bench

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"

	"ristmik/adapters/xroad"
	"ristmik/mapping"
	"ristmik/soap/contract"
)

// HubPath is the hub's way to a register, as a library: values in, the contract's
// message, the call through the Security Server with all its checks, the
// contract's reading of the answer, values out.
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

// check tells whether an answer is the stand-in's whole one.
func check(answer map[string]any, records int) error {
	response, _ := answer["response"].(map[string]any)
	if n, _ := response["leitud_kannete_arv"].(json.Number); n.String() != strconv.Itoa(records) {
		return fmt.Errorf("the answer says %q records, not %d", n, records)
	}
	return nil
}
