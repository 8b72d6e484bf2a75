//go:build tools

// Package tools pins the programs that check the code, in a module of their
// own so that the product does not depend on them.
package tools

import (
	_ "golang.org/x/tools/cmd/deadcode"
	_ "honnef.co/go/tools/cmd/staticcheck"
)
