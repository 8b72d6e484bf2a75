package consultation

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"

	"ristmik/outbox"
)

// Secret makes names that cannot be worked out from what they stand for by
// somebody who does not have the database.
type Secret struct{ key []byte }

// ReadSecret reads the database's secret, which its migration has made. It is the
// same for every process on the database and never changes.
func ReadSecret(ctx context.Context, db outbox.DB) (Secret, error) {
	var s Secret
	rows, err := db.Query(ctx, `select value from consultation.secret`)
	if err != nil {
		return s, fmt.Errorf("reading the secret of names: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		if err := rows.Scan(&s.key); err != nil {
			return s, fmt.Errorf("reading the secret of names: %w", err)
		}
	}
	if err := rows.Err(); err != nil {
		return s, fmt.Errorf("reading the secret of names: %w", err)
	}
	if len(s.key) == 0 {
		return s, fmt.Errorf("reading the secret of names: consultation.secret is empty")
	}
	return s, nil
}

// Name gives 32 hexadecimal digits for something of a kind: always the same ones.
func (s Secret) Name(kind, of string) string {
	h := hmac.New(sha256.New, s.key)
	h.Write([]byte(kind + "\x00" + of))
	return hex.EncodeToString(h.Sum(nil)[:16])
}
