// Package trouble is what goes wrong in a sandbox on purpose: a clock that can
// be moved and faults that are armed beforehand and hit the calls that they
// name.
package trouble
