package outbox

import (
	"context"
	"embed"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// Migrations holds the schema "outbox" as migrations/NNNN_name.sql.
//
//go:embed migrations/*.sql
var Migrations embed.FS

// ErrInvalid is wrapped by every error about a message, an event, a policy or a request that cannot be accepted as it is.
var ErrInvalid = errors.New("invalid")

// ErrNotFound says that there is no message with the given id.
var ErrNotFound = errors.New("message not found")

// ErrNotDead says that the message is not dead, so that there is nothing for a person to decide.
var ErrNotDead = errors.New("message is not dead")

// DB is what a pool, a connection and a transaction share; the reading functions and those for people take it.
type DB interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
	Exec(ctx context.Context, sql string, args ...any) (pgconn.CommandTag, error)
	Begin(ctx context.Context) (pgx.Tx, error)
}

// Message is something to be sent to a destination.
type Message struct {
	// Destination names who receives it; at most 55 bytes. It may be published before any relay serves the destination.
	Destination string
	// Lane is the ordering key within the destination, for example one case or one person. Messages of one lane are
	// sent one after another in the order in which their transactions committed. Keep lanes narrow: writers of the
	// same lane wait for one another until they commit.
	Lane string
	// Kind tells the Sender what the payload is.
	Kind string
	// Key is the business key, unique per destination: publishing it again changes nothing, whatever has become of
	// the first message.
	Key string
	// Payload is handed to the Sender as it is. It is never logged.
	Payload []byte
	// TraceParent is the W3C trace context of the request that caused the message; may be empty.
	TraceParent string
	// Delay keeps the message, and those behind it in its lane, for at least this long; not negative.
	Delay time.Duration
	// Expires is how long after it was published the message is of use; after that it is not sent but dead, with the
	// reason "expired". 0 means for ever. A person's retry sends it all the same.
	Expires time.Duration
	// Bulk says that the message may wait for those of its destination that are not bulk. They leave at least a tenth of
	// the claims to bulk ones, so that it always goes on.
	Bulk bool
}

// Delivery is one attempt to send a message.
type Delivery struct {
	// ID is the message's id in the outbox; it stays the same over attempts.
	ID int64
	Message
	// Attempt counts from 1; attempts that ended in ResultWait are not counted.
	Attempt int
	// Published is when the message was stored, by the database's clock.
	Published time.Time
}

// Sender sends messages to a destination. Send is called from many goroutines at once, never for two messages of one
// lane at a time. Its context ends before the lease of the lane does; Send must return soon after that. The same
// message may be sent more than once.
type Sender interface {
	Send(ctx context.Context, d Delivery) Outcome
}

// SenderFunc is a function that is a Sender.
type SenderFunc func(ctx context.Context, d Delivery) Outcome

// Send calls f.
func (f SenderFunc) Send(ctx context.Context, d Delivery) Outcome { return f(ctx, d) }

// Result says how one attempt ended.
type Result string

const (
	// ResultDelivered means that the receiver has the message.
	ResultDelivered Result = "delivered"
	// ResultRetry means that the receiver does not have it, and that trying again may help.
	ResultRetry Result = "retry"
	// ResultWait means that it is too early; the attempt is not counted.
	ResultWait Result = "wait"
	// ResultRefused means that the receiver answered that it will not take the message; a person must look at it.
	ResultRefused Result = "refused"
	// ResultUnknown means that the receiver may or may not have it. It is repeated where the policy says that
	// repeating has no second effect, and is dead otherwise.
	ResultUnknown Result = "unknown"
	// ResultDead means that trying again cannot help.
	ResultDead Result = "dead"
)

// Outcome is what a Sender tells about one attempt.
type Outcome struct {
	// Result says how the attempt ended. An empty or unknown value counts as ResultUnknown.
	Result Result
	// After is how long to wait before the next attempt, for ResultRetry, ResultWait and a repeated ResultUnknown; 0
	// means what the policy says.
	After time.Duration
	// Reason is a short code of why, never data of the message; at most 200 bytes are kept.
	Reason string
	// Exchange is the id under which the attempt is known outside, for example the X-Road message id.
	Exchange string
	// CountsAgainst says that the failure counts against the destination for its breaker. An attempt whose context
	// was cancelled never counts.
	CountsAgainst bool
	// AgainstGateway says that the failure counts against the destination's Gateway, and so not against itself.
	AgainstGateway bool
	// Apply, when set, runs in the transaction that records the outcome, whatever the result is. If it fails, nothing
	// is stored and the attempt counts as ResultRetry with the reason "apply" (after ResultDelivered as ResultUnknown
	// with that reason, since sending again is only right where it has no second effect). It may run more than once,
	// each time in a new transaction, and must not keep the transaction.
	Apply func(ctx context.Context, tx pgx.Tx) error
}
