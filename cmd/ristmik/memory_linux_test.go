package main

import (
	"os"
	"strconv"
	"strings"
	"testing"
)

// resident is how much memory of this process is resident, in kilobytes.
func resident(t *testing.T, field string) int {
	t.Helper()
	text, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if name, value, _ := strings.Cut(line, ":"); name == field {
			n, err := strconv.Atoi(strings.Fields(value)[0])
			if err != nil {
				t.Fatal(err)
			}
			return n
		}
	}
	t.Fatalf("no %s", field)
	return 0
}

// Not parallel: other tests touch the program's pages too.
func TestTheStartsMemoryIsGivenBack(t *testing.T) {
	program, err := os.ReadFile("/proc/self/exe")
	if err != nil || len(program) == 0 {
		t.Fatal(err)
	}
	garbage := make([]byte, 32<<20)
	for i := range garbage {
		garbage[i] = 1
	}
	before := resident(t, "RssAnon")
	if garbage[len(garbage)-1] != 1 {
		t.Fatal("no garbage")
	}
	garbage = nil
	file := resident(t, "RssFile")
	giveBack()
	if after := resident(t, "RssAnon"); after > before-(16<<10) {
		t.Errorf("%d kB of %d kB are left, with 32 MB of garbage", after, before)
	}
	if after := resident(t, "RssFile"); after >= file {
		t.Errorf("%d kB of the program's %d kB are left", after, file)
	}
	// The program goes on.
	if again, err := os.ReadFile("/proc/self/exe"); err != nil || string(again) != string(program) {
		t.Error("the program is another")
	}
}

func TestOnlyUnchangingPartsOfTheProgramAreGivenBack(t *testing.T) {
	t.Parallel()
	const file = "/usr/bin/my ristmik"
	for line, want := range map[string]bool{
		"00400000-00f75000 r-xp 00000000 08:01 1234                       /usr/bin/my ristmik": true,
		"00f75000-01c15000 r--p 00b75000 08:01 1234 /usr/bin/my ristmik":                       true,
		"01c15000-01cec000 rw-p 01815000 08:01 1234 /usr/bin/my ristmik":                       false,
		"01c15000-01cec000 r--s 01815000 08:01 1234 /usr/bin/my ristmik":                       false,
		"7f565801b000-7f565806e000 r--p 00000000 08:01 9 /usr/lib/libc.so.6":                   false,
		"4dcf400000-4dd0800000 rw-p 00000000 00:00 0":                                          false,
		"x-01c15000 r--p 0 08:01 1234 /usr/bin/my ristmik":                                     false,
		"01c15000-00f75000 r--p 0 08:01 1234 /usr/bin/my ristmik":                              false,
		"": false,
	} {
		start, end, ok := unchanging(line, file)
		if ok != want || ok && (start >= end || start%4096 != 0) {
			t.Errorf("%q: %x-%x %t", line, start, end, ok)
		}
	}
}
