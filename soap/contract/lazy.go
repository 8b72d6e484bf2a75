package contract

import (
	"regexp"
	"sync"
)

// lazyPattern is a regular expression that is compiled when it is first used: a program that starts does not wait for those
// of types that its contracts do not have.
type lazyPattern struct {
	compiled func() *regexp.Regexp
}

func lazily(text string) lazyPattern {
	return lazyPattern{sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(text) })}
}

// MatchString is that of [regexp.Regexp].
func (p lazyPattern) MatchString(s string) bool { return p.compiled().MatchString(s) }

// FindStringSubmatch is that of [regexp.Regexp].
func (p lazyPattern) FindStringSubmatch(s string) []string { return p.compiled().FindStringSubmatch(s) }
