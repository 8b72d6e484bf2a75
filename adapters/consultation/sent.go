package consultation

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"time"

	"github.com/jackc/pgx/v5"

	"ristmik/adapters/xroad"
	"ristmik/outbox"
)

// keepSent stores what was sent, whatever became of it. It is part of the
// transaction that records the outcome: of an attempt during which the process
// died, the Security Server knows more than the hub, and the attempt that
// repeats it says the same.
func keepSent(ctx context.Context, tx pgx.Tx, leg string, messages []xroad.Sent) error {
	batch := &pgx.Batch{}
	for _, s := range messages {
		sum := sha256.Sum256(s.Content)
		var header any
		if s.REST {
			header = s.Header
		}
		batch.Queue(`
			insert into consultation.sent (leg_id, message_id, sent_at, service, method, path, header, content, sha256, request_hash)
			values ($1, $2, $3, $4, nullif($5, ''), nullif($6, ''), $7, $8, $9, nullif($10, '')) on conflict do nothing`,
			leg, s.Exchange.MessageID, s.Exchange.Started, s.Exchange.Service.String(), s.Method, s.Path, header, append([]byte{}, s.Content...), sum[:],
			s.Exchange.RequestHash)
	}
	if err := tx.SendBatch(ctx, batch).Close(); err != nil {
		return fmt.Errorf("keeping what was sent: %w", err)
	}
	return nil
}

// Sent is one message that left for an authority. SHA256 is that of Content;
// RequestHash is X-Road's hash of a SOAP message, which the Security Servers
// have signed.
type Sent struct {
	MessageID   string      `json:"message_id"`
	SentAt      time.Time   `json:"sent_at"`
	Service     string      `json:"service"`
	Method      string      `json:"method,omitempty"` // of REST, like Path and Header
	Path        string      `json:"path,omitempty"`
	Header      http.Header `json:"header,omitempty"`
	Content     string      `json:"content"` // what leaves is text
	SHA256      string      `json:"sha256"`  // in hexadecimal digits
	RequestHash string      `json:"request_hash,omitempty"`
}

// SentTo gives the messages that left for one authority, oldest first, to the
// byte; none where the authority fetched its question, and none any more when
// what was asked has been deleted. [ErrNotFound] when the consultation has no
// such leg.
func SentTo(ctx context.Context, db outbox.DB, consultation, leg string) ([]Sent, error) {
	if !isUUID(consultation) || !isUUID(leg) {
		return nil, ErrNotFound
	}
	rows, err := db.Query(ctx, `
		select coalesce(s.message_id, ''), s.sent_at, coalesce(s.service, ''), coalesce(s.method, ''), coalesce(s.path, ''), s.header, s.content, s.sha256,
			coalesce(s.request_hash, '')
		from consultation.leg l left join consultation.sent s on s.leg_id = l.id
		where l.consultation_id = $1 and l.id = $2 order by s.sent_at, s.message_id`, consultation, leg)
	if err != nil {
		return nil, fmt.Errorf("reading what was sent: %w", err)
	}
	defer rows.Close()
	list, found := []Sent{}, false
	for rows.Next() {
		var s Sent
		var at *time.Time
		var content, sum []byte
		if err := rows.Scan(&s.MessageID, &at, &s.Service, &s.Method, &s.Path, &s.Header, &content, &sum, &s.RequestHash); err != nil {
			return nil, fmt.Errorf("reading what was sent: %w", err)
		}
		if found = true; at == nil {
			continue
		}
		if got := sha256.Sum256(content); string(got[:]) != string(sum) {
			return nil, fmt.Errorf("reading what was sent: message %s is not what it was", s.MessageID)
		}
		s.SentAt, s.Content, s.SHA256 = at.UTC(), string(content), hex.EncodeToString(sum)
		list = append(list, s)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("reading what was sent: %w", err)
	}
	if !found {
		return nil, ErrNotFound
	}
	return list, nil
}
