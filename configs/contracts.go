package configs

import (
	"fmt"
	"regexp"
	"strings"
)

// checkContracts finds the faults of the registers that the core may call.
func (c *Config) checkContracts(at func(path, code, message string, allowed ...string), required func(path, value string)) {
	for _, name := range sorted(c.Contracts) {
		k, path := c.Contracts[name], "contracts."+name
		if !reName.MatchString(name) {
			at(path, "bad-name", "the name stands in a path: lower-case letters, digits and hyphens are allowed, a letter first", "employment-register")
		}
		required(path+".title.et", k.Title.ET)
		required(path+".title.en", k.Title.EN)
		required(path+".file", k.File)
		required(path+".provider", k.Provider)
		switch {
		case k.REST() && (k.Service == "" || strings.ContainsAny(k.Service, "/%;:\\ ")):
			at(path+".service", "missing", "with OpenAPI the code of the service is needed, one part of an identifier", "cars")
		case !k.REST() && k.Service != "":
			at(path+".service", "contradiction", "a WSDL has the codes of its services itself; leave it out")
		}
		if k.Timeout < 0 {
			at(path+".timeout", "not-positive", "a time above zero is needed")
		}
		for i, e := range k.Errors {
			c.checkErrorField(fmt.Sprintf("%s.errors[%d]", path, i), e, at)
		}
		if k.AsOf != "" && !strings.HasPrefix(k.AsOf, "/") {
			at(path+".as_of", "bad-pointer", "a JSON pointer into the answer is needed", "/response/aeg")
		}
		for i, pointer := range k.Refusals {
			if !strings.HasPrefix(pointer, "/") {
				at(fmt.Sprintf("%s.refusals[%d]", path, i), "bad-pointer", "a JSON pointer into the answer is needed", "/keha/teade")
			}
		}
	}
}

func (c *Config) checkErrorField(path string, e ErrorField, at func(path, code, message string, allowed ...string)) {
	if e.Code == "" && e.Text == "" {
		at(path, "missing", "code, text or both are needed: JSON pointers into the answer", "/response/Veakood")
	}
	for _, p := range [][2]string{{"code", e.Code}, {"text", e.Text}} {
		if p[1] != "" && !strings.HasPrefix(p[1], "/") {
			at(path+"."+p[0], "bad-pointer", "a JSON pointer into the answer is needed", "/response/Veatekst")
		}
	}
	if len(e.Good) > 0 && e.Code == "" {
		at(path+".good", "contradiction", "good are values of a code; none is named")
	}
	if e.Matching != "" && e.Text == "" {
		at(path+".matching", "contradiction", "matching is for a text; none is named")
	}
	if _, err := regexp.Compile(e.Matching); err != nil {
		at(path+".matching", "bad-pattern", "a regular expression is needed: "+err.Error(), "^Viga")
	}
}
