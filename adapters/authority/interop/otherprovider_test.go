package interop_test

import (
	"bufio"
	"context"
	"errors"
	"os/exec"
	"strings"
	"testing"

	"ristmik/adapters/consultation"
	"ristmik/adapters/xroad"
	"ristmik/configs"
	"ristmik/soap"
	"ristmik/soap/contract"
	"ristmik/soap/contract/contracttest"
)

// startOther starts the service written with node-soap and returns its address.
func startOther(t *testing.T) string {
	t.Helper()
	args := append(node(t, "node-soap-provider.mjs"), contracttest.Shipped(t, "consultation-request.wsdl"), catalogue(t))
	cmd := exec.CommandContext(context.Background(), args[0], args[1:]...)
	cmd.Dir = "testdata"
	var stderr strings.Builder
	cmd.Stderr = &stderr
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	port, err := bufio.NewReader(stdout).ReadString('\n')
	t.Cleanup(func() {
		stdin.Close() // it ends by itself
		if err := cmd.Wait(); err != nil {
			t.Errorf("the other provider ended with %v: %s", err, stderr.String())
		}
	})
	if err != nil {
		t.Fatalf("the other provider did not start: %v", err)
	}
	return "http://127.0.0.1:" + strings.TrimSpace(port) + "/soap"
}

// The hub asks a system that was written with node-soap, through the Security
// Server: a receipt, the same receipt for the same question, and a Fault.
func TestTheHubCallsAnotherMakersProvider(t *testing.T) {
	t.Parallel()
	box := securityServer(t, startOther(t), "")
	client, err := xroad.New(xroad.Options{SecurityServer: box.URL(), Client: hub})
	if err != nil {
		t.Fatal(err)
	}
	questions, err := contract.Load(configs.Contracts(), "consultation-request.wsdl")
	if err != nil {
		t.Fatal(err)
	}
	op, ok := questions.Operation("consultationRequest", "v1")
	if !ok {
		t.Fatal("the contract has no consultationRequest")
	}
	wire := consultation.NewSOAPWire(client, soap.ServiceID{Provider: security, Code: op.Code, Version: op.Version}, op, consultation.Enclosed{})
	question := consultation.Question{
		LegID: "leg-1", Round: 1, CaseReference: "C-1 <&>", CaseType: "residence_permit.employment", LegalBasis: "VMS § 40", Purpose: "check",
		PersonalCode: person, GivenName: "Mai", Surname: "Õun", Official: "EE81506151050",
	}
	for range 2 {
		reply, err := wire.Ask(t.Context(), question)
		if err != nil || reply.ReceiptID != "R-1 Õun" {
			t.Errorf("receipt %q, %v", reply.ReceiptID, err)
		}
	}
	question.CaseReference = "FAULT"
	_, err = wire.Ask(t.Context(), question)
	failure, ok := errors.AsType[*soap.Failure](err)
	if !ok || failure.Raw != "Server.Overload" || failure.Message != "täna ei vasta" {
		t.Errorf("the Fault became %#v", err)
	}
}
