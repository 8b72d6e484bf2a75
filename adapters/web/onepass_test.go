package web

import (
	"strings"
	"testing"
)

// onePass never takes what the thorough check refuses, and takes what ordinary
// callers send.
func TestOnePassTakesNothingThatIsWrong(t *testing.T) {
	t.Parallel()
	deep := func(n int) string { return strings.Repeat("[", n) + strings.Repeat("]", n) }
	keys := func(n int) string {
		var out strings.Builder
		for i := range n {
			out.WriteString(`,"k` + strings.Repeat("x", i) + `":1`)
		}
		return "{" + out.String()[1:] + "}"
	}
	for text, want := range map[string]bool{
		`{"request":{"a":"b","n":-1.5e+3,"list":[1,2,{"a":null}],"yes":true,"no":false}}`: true,
		" \t\r\n{ \"a\" : [ ] , \"õ\" : \"\\\" \\n Õ\" } \n":                              true,
		`{}`: true, `[]`: true, `0`: true, `-0.0`: true, `""`: true, deep(maxDepth): true, keys(fewKeys): true,
		deep(maxDepth + 1): false, keys(fewKeys + 1): false, `{"a":1,"a":2}`: false, `{"\u0061":1,"a":2}`: false, `{"a\n":1}`: false,
		"[" + strings.Repeat("1,", maxValues-2) + "1]": true, "[" + strings.Repeat("1,", maxValues) + "1]": false,
		``: false, ` `: false, `{`: false, `{"a"`: false, `{"a":`: false, `{"a":1`: false, `{"a":1,`: false, `{"a":1,}`: false, `{,}`: false, `{"a":1]`: false,
		`[`: false, `[1`: false, `[1,`: false, `[1,]`: false, `[1}`: false, `[,]`: false, `{a:1}`: false, `{"a" 1}`: false,
		`01`: false, `1.`: false, `.1`: false, `-`: false, `+1`: false, `1e`: false, `1e+`: false, `0x1`: false, `NaN`: false, `tru`: false, `truth`: false, `nul`: false,
		`"`: false, `"\`: false, `"\x"`: false, `"\u0000"`: false, `"\ud800"`: false, "\"\n\"": false, "\"\x00\"": false, "\"\xff\"": false, "\"\xc3\"": false, "\xef\xbb\xbf{}": false,
		`{} {}`: false, `{}x`: false, "{}\x00": false, "\x00": false, "[\u00a01]": false,
	} {
		if got := onePass([]byte(text)); got != want {
			t.Errorf("%.60q: %t", text, got)
		}
		if want && checkJSON([]byte(text)) != nil {
			t.Errorf("%.60q is refused by the thorough check", text)
		}
	}
}

func FuzzOnePass(f *testing.F) {
	for _, seed := range []string{`{"a":[1,-2.5e3,"õ\n",{"b":null}],"c":true}`, `{"a":1,"a":2}`, `["\u0000"]`, "[\"\xff\"]", `[[[[]]]]`, `{"a" :0 } `} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if onePass(data) && checkJSON(data) != nil {
			t.Errorf("%q is taken", data)
		}
	})
}
