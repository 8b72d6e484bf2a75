package xroad_test

import (
	"errors"
	"fmt"
	"testing"

	"ristmik/adapters/xroad"
	"ristmik/outbox"
	"ristmik/soap"
)

// A provider's status says whose turn it is.
func TestAProvidersStatusHasAKind(t *testing.T) {
	t.Parallel()
	for status, want := range map[int]soap.Kind{
		302: soap.KindUnknownResult, 401: soap.KindFixRights, 403: soap.KindFixRights, 408: soap.KindRetryLater, 429: soap.KindRetryLater,
		404: soap.KindFixData, 409: soap.KindBusiness, 422: soap.KindFixData, 500: soap.KindPartnerDown, 503: soap.KindPartnerDown,
	} {
		if got := xroad.KindOfStatus(status); got != want {
			t.Errorf("%d is %s, want %s", status, got, want)
		}
	}
}

// Every kind has an outcome, and only what says something about the partner
// counts against it.
func TestEveryKindHasAnOutcome(t *testing.T) {
	t.Parallel()
	want := map[soap.Kind]struct {
		result outbox.Result
		counts bool
	}{
		soap.KindRetryNow:      {outbox.ResultRetry, false},
		soap.KindRetryLater:    {outbox.ResultRetry, true},
		soap.KindWait:          {outbox.ResultWait, true},
		soap.KindFixData:       {outbox.ResultRefused, false},
		soap.KindFixRights:     {outbox.ResultRefused, false},
		soap.KindPartnerDown:   {outbox.ResultRetry, true},
		soap.KindOwnServer:     {outbox.ResultWait, false},
		soap.KindUnknownResult: {outbox.ResultUnknown, true},
		soap.KindTampered:      {outbox.ResultRefused, false},
		soap.KindHashMismatch:  {outbox.ResultRefused, false},
		soap.KindBusiness:      {outbox.ResultRefused, false},
		soap.KindInternal:      {outbox.ResultRefused, false},
	}
	for _, kind := range soap.Kinds() {
		err := fmt.Errorf("telling the register: %w", &soap.Failure{
			Kind: kind, Code: "some.code", Raw: "Raw", Message: "38001085718", MessageID: "m-1",
		})
		got := xroad.Outcome(err)
		w, ok := want[kind]
		if !ok {
			t.Errorf("%s is not in the table", kind)
		}
		if got.AgainstGateway != (kind == soap.KindOwnServer) || got.Result != w.result || got.CountsAgainst != w.counts || got.Exchange != "m-1" || got.Reason != string(kind)+" some.code" {
			t.Errorf("%s becomes %+v", kind, got)
		}
	}
	if got := xroad.Outcome(nil); got.Result != outbox.ResultDelivered || got.Reason != "" {
		t.Errorf("no error becomes %+v", got)
	}
	if got := xroad.Outcome(errors.New("38001085718")); got.Result != outbox.ResultUnknown || got.Reason != "internal" || got.CountsAgainst {
		t.Errorf("an error of no kind becomes %+v", got)
	}
}
