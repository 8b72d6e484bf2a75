package main

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"ristmik/adapters/postgres"
	"ristmik/adapters/registers/record"
)

// The record is shown beside a hub that runs; on whose behalf an exchange was is
// shown only to who asks for one.
func TestExchangesAreShown(t *testing.T) {
	t.Parallel()
	w := newJobsWorld(t)
	pool, err := postgres.Open(t.Context(), w.url)
	if err != nil {
		t.Fatal(err)
	}
	defer pool.Close()
	book := record.NewBook(pool)
	at := time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)
	for _, x := range []record.Sent{
		{MessageID: "m1", At: at, Register: "cars", Operation: "find", UserID: "EE38001085718", Issue: "C-1", RequestHash: "aGFzaA=="},
		{MessageID: "m2", At: at.Add(time.Minute), Register: "boats", Operation: "find", UserID: "EE38001085718"},
	} {
		if err := book.Sent(x); err != nil {
			t.Fatal(err)
		}
	}
	if err := book.Ended(record.Ended{MessageID: "m1", At: at.Add(87 * time.Millisecond), Result: "business", Code: "answer.refused"}); err != nil {
		t.Fatal(err)
	}
	show := func(args ...string) string {
		t.Helper()
		var out, errOut bytes.Buffer
		if code := run(t.Context(), append([]string{"exchanges", "-c", w.config}, args...), &out, &errOut); code != exitDone {
			t.Fatalf("%v: exit code %d: %s", args, code, errOut.String())
		}
		return out.String()
	}
	all := show()
	for _, want := range []string{"2026-03-02 12:00:00  m1", "C-1", "87ms", "business answer.refused", "m2", "no end"} {
		if !strings.Contains(all, want) {
			t.Errorf("%q is not in\n%s", want, all)
		}
	}
	if strings.Contains(all, "38001085718") || strings.Index(all, "m2") > strings.Index(all, "m1") {
		t.Errorf("printed\n%s", all)
	}
	if one := show("--id", "m1"); !strings.Contains(one, "EE38001085718") || strings.Contains(one, "m2") {
		t.Errorf("printed\n%s", one)
	}
	if open := show("--open", "--register", "boats"); strings.Contains(open, "m1") || !strings.Contains(open, "m2") {
		t.Errorf("printed\n%s", open)
	}
	var list []exchange
	if err := json.Unmarshal([]byte(show("--json", "--register", "cars")), &list); err != nil {
		t.Fatal(err)
	}
	if len(list) != 1 || list[0].MessageID != "m1" || list[0].RequestHash != "aGFzaA==" || list[0].Result != "business" || list[0].UserID != "" || list[0].EndedAt == nil {
		t.Errorf("%+v", list)
	}
}
