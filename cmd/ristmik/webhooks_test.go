package main

import (
	"strings"
	"testing"
)

// What is asked wrongly about receivers is one sentence and exit code 2; with
// none there is nothing to list.
func TestWebhooksFromTheCommandLine(t *testing.T) {
	t.Parallel()
	w := newJobsWorld(t)
	ask := func(code int, args ...string) string {
		t.Helper()
		var out, errOut strings.Builder
		if got := run(t.Context(), append(append([]string{"webhooks"}, args...), "-c", w.config), &out, &errOut); got != code {
			t.Errorf("webhooks %v: exit code %d, want %d\n%s%s", args, got, code, out.String(), errOut.String())
		}
		return out.String() + errOut.String()
	}
	if got := ask(exitDone, "list", "--json"); strings.TrimSpace(got) != "[]" {
		t.Errorf("list: %s", got)
	}
	if _, err := w.pool.Exec(t.Context(), `insert into core.subscription (name, cursor) values ('ris', '')`); err != nil {
		t.Fatal(err)
	}
	ask(exitDone, "disable", "ris", "--reason", "it moves", "--by", "mari")
	if got := ask(exitDone, "list"); !strings.Contains(got, "by mari: it moves") {
		t.Errorf("list: %s", got)
	}
	ask(exitDone, "enable", "ris")
	ask(exitDone, "replay", "ris", "--after", "beginning")
	if got := ask(exitDone, "list", "--json"); !strings.Contains(got, `"replays": 1`) || strings.Contains(got, "disabled") {
		t.Errorf("list: %s", got)
	}
	for want, args := range map[string][]string{
		"no such subscription": {"enable", "other"}, "bad event position": {"replay", "ris", "--after", "nonsense"}, "--reason": {"disable", "ris"},
	} {
		if got := ask(exitUsage, args...); !strings.Contains(got, want) {
			t.Errorf("%v: %q is not in %s", args, want, got)
		}
	}
}
