package simulated

import (
	"bytes"
	"encoding/json"
	"fmt"
	"time"
)

// record is one line of the journal: a moment and exactly one thing that
// happened. Replaying the lines in order gives the same memory.
type record struct {
	At           time.Time           `json:"at"`
	Consultation *consultationRecord `json:"consultation,omitempty"`
	Decided      *decidedRecord      `json:"decided,omitempty"`
	Delivered    *deliveredRecord    `json:"delivered,omitempty"`
	Notice       *noticeRecord       `json:"notice,omitempty"`
	Ended        *endedRecord        `json:"ended,omitempty"`
	Switched     *switchedRecord     `json:"switched,omitempty"`
	Character    *characterRecord    `json:"character,omitempty"`
	Registered   *registeredRecord   `json:"registered,omitempty"`
	Stepped      *steppedRecord      `json:"stepped,omitempty"`
	Heard        *heardRecord        `json:"heard,omitempty"`
	Planned      *plannedRecord      `json:"planned,omitempty"`
	Told         *toldRecord         `json:"told,omitempty"`
}

// consultationRecord is a consultation that reached an authority; the same one
// may come again.
type consultationRecord struct {
	System  string `json:"system"`
	ID      string `json:"id"`
	Round   int    `json:"round"`
	From    string `json:"from"` // the subsystem that asked and gets the answer
	Receipt string `json:"receipt"`
	Case    string `json:"case,omitempty"`
	Fetched bool   `json:"fetched,omitempty"` // not sent: the authority found it itself
	// Files came with it, or are named in it.
	Files []ReceivedFile `json:"files,omitempty"`
}

// decidedRecord is the answer that an authority gives; from here on every
// delivery carries the same answer.
type decidedRecord struct {
	System     string `json:"system"`
	ID         string `json:"id"`
	Round      int    `json:"round"`
	Answer     Answer `json:"answer"`
	Deliveries int    `json:"deliveries"`
}

// deliveredRecord is one acknowledged delivery with what the hub said.
type deliveredRecord struct {
	System string `json:"system"`
	ID     string `json:"id"`
	Round  int    `json:"round"`
	Status string `json:"status"`
}

// steppedRecord is one thing that an authority did beside answering, with what
// the hub said; Due is when the question is due, where it looked.
type steppedRecord struct {
	System string     `json:"system"`
	ID     string     `json:"id"`
	Round  int        `json:"round"`
	Do     string     `json:"do"`
	Result string     `json:"result"`
	Due    *time.Time `json:"due,omitempty"`
	Latest string     `json:"latest,omitempty"`
}

// heardRecord is an entry that an authority has read of what it has to know.
type heardRecord struct {
	System   string `json:"system"`
	Position int64  `json:"position"`
	ID       string `json:"id"`
	Round    int    `json:"round"`
	What     string `json:"what"`
}

// plannedRecord is a downtime that an authority announces and goes through with.
type plannedRecord struct {
	System string    `json:"system"`
	ID     string    `json:"id"`
	From   time.Time `json:"from"`
	Until  time.Time `json:"until"`
}

// noticeRecord is a permit notice that reached a register; the same event may
// come again.
type noticeRecord struct {
	System string `json:"system"`
	Notice
	Receipt string `json:"receipt"`
}

// endedRecord is an employment that ended.
type endedRecord struct {
	EmploymentID int64  `json:"toot_id"`
	End          string `json:"end"`
	GroundCode   string `json:"ground_code"`
}

// switchedRecord is a simulated system that went down or came up.
type switchedRecord struct {
	System string `json:"system"`
	Down   bool   `json:"down"`
}

// characterRecord is how an authority answers from now on.
type characterRecord struct {
	System    string    `json:"system"`
	Character Character `json:"character"`
}

// registeredRecord is the address of a service of the hub.
type registeredRecord struct {
	Service string `json:"service"`
	URL     string `json:"url"`
}

// read reads one line; a field that is not known comes from a newer program,
// whose memory this one could not keep.
func (r *record) read(line json.RawMessage) error {
	dec := json.NewDecoder(bytes.NewReader(line))
	dec.DisallowUnknownFields()
	if err := dec.Decode(r); err != nil {
		return fmt.Errorf("reading a record: %w", err)
	}
	return nil
}
