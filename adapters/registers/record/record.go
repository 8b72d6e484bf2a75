// Package record keeps durably which exchanges with registers there were: for
// each its X-Road id, the hash of what was sent, when, at whose wish and why,
// and what became of it. It keeps no body: that is what the Security Server's
// signed evidence is for, which is found by the id.
//
// An exchange is recorded before the request leaves, and its end before the
// caller gets the answer. Each is a commit; those of calls that run at the same
// time share one, so that a busy hub makes far fewer commits than calls.
package record

import (
	"embed"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
)

// Migrations are the schema "register" of the record.
//
//go:embed migrations/*.sql
var Migrations embed.FS

// Sent is an exchange before its request leaves.
type Sent struct {
	// MessageID is the X-Road id; it must not have been recorded before.
	MessageID           string
	At                  time.Time
	Register, Operation string
	Service             string // the X-Road identifier
	Caller              string // the caller's name
	// UserID and Issue are for whom and why; the first is personal data.
	UserID, Issue string
	// Purpose is what it was for, in the caller's words; it was not sent.
	Purpose string
	// RequestHash is that of the SOAP part; empty for REST.
	RequestHash string
}

// Ended is what became of an exchange.
type Ended struct {
	MessageID string
	At        time.Time
	// Result is "answered" or the kind of failure, Code the failure's.
	Result, Code string
	// StatedHash is the request hash that the answer states, RequestID the
	// x-road-request-id of a REST answer.
	StatedHash, RequestID string
}

// commitTimeout bounds one commit, so that a database that hangs holds nobody
// for ever.
const commitTimeout = 5 * time.Second

// Book is where exchanges are recorded. It may be used by many goroutines at
// once.
type Book struct {
	pool *pgxpool.Pool

	mu sync.Mutex
	// writing says that a commit is under way; open gathers what comes meanwhile.
	writing bool
	open    *page
}

// page is what one commit writes.
type page struct {
	sent  []Sent
	ended []Ended
	// lead tells one of those who wait to write the page; done is closed when it
	// is written, with err set.
	lead chan struct{}
	done chan struct{}
	err  error
}

// NewBook returns a book over a migrated database.
func NewBook(pool *pgxpool.Pool) *Book { return &Book{pool: pool} }

// Sent records an exchange. When it returns nil the record is durable, and the
// request may leave. It waits a few seconds at most, whatever becomes of the
// caller: half-recorded is nothing.
func (b *Book) Sent(x Sent) error {
	for _, text := range []*string{&x.MessageID, &x.Register, &x.Operation, &x.Service, &x.Caller, &x.UserID, &x.Issue, &x.RequestHash, &x.Purpose} {
		*text = plain(*text)
	}
	return b.write(func(p *page) { p.sent = append(p.sent, x) })
}

// Ended records what became of an exchange that was recorded as sent. When it
// returns nil the record is durable.
func (b *Book) Ended(x Ended) error {
	for _, text := range []*string{&x.MessageID, &x.Result, &x.Code, &x.StatedHash, &x.RequestID} {
		*text = plain(*text)
	}
	return b.write(func(p *page) { p.ended = append(p.ended, x) })
}

// longest bounds each text, in bytes.
const longest = 1024

// plain makes a text what the database can hold: one that it cannot would cost
// the others of its page their record.
func plain(s string) string {
	return strings.ToValidUTF8(strings.ReplaceAll(s[:min(len(s), longest)], "\x00", ""), "")
}

// write adds to the open page and returns when that is written. Who comes while
// no commit is under way writes at once; of those who come during one, the first
// to hear of its end writes for all.
func (b *Book) write(add func(*page)) error {
	b.mu.Lock()
	p := b.open
	if p == nil {
		p = &page{lead: make(chan struct{}, 1), done: make(chan struct{})}
		b.open = p
	}
	add(p)
	if b.writing {
		b.mu.Unlock()
		select {
		case <-p.done:
			return p.err
		case <-p.lead:
			b.mu.Lock()
		}
	}
	b.writing, b.open = true, nil
	b.mu.Unlock()

	p.err = b.commit(p)
	close(p.done)

	b.mu.Lock()
	b.writing = false
	if b.open != nil {
		b.writing = true // nobody overtakes who is about to lead
		b.open.lead <- struct{}{}
	}
	b.mu.Unlock()
	return p.err
}
