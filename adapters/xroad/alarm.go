package xroad

import "ristmik/soap"

// The codes of alarms: a closed set, fit for a metric's label.
const (
	// AlarmHashMismatch: an answer states the hash of other bytes than we sent
	// (PR-MESS 2.2).
	AlarmHashMismatch = "hash_mismatch"
	// AlarmTampered: an answer was in another way not the answer to our
	// request. Failure says which rule it broke.
	AlarmTampered = "tampered"
	// AlarmWrongCertificate: who answered at a Security Server's address is
	// not who we pinned.
	AlarmWrongCertificate = "wrong_certificate"
	// AlarmPinnedUnreadable: the new file of pinned certificates cannot be
	// used; the old certificates stay.
	AlarmPinnedUnreadable = "pinned_certificate_unreadable"
	// AlarmCertificateUnreadable: the new files of our own certificate cannot
	// be used; the old one stays.
	AlarmCertificateUnreadable = "own_certificate_unreadable"
)

// AlarmCodes returns every code.
func AlarmCodes() []string {
	return []string{AlarmHashMismatch, AlarmTampered, AlarmWrongCertificate, AlarmPinnedUnreadable, AlarmCertificateUnreadable}
}

// Alarm is what a person must see even where a call is repeated or another
// server helps out. It holds no data of a message.
type Alarm struct {
	Code string
	// Server is host and port of the Security Server.
	Server string
	// Failure is set when a call failed over it.
	Failure *soap.Failure
	// Err is the cause when no call failed.
	Err error
}
