package webhook

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"
)

const (
	headerID        = "webhook-id"
	headerTimestamp = "webhook-timestamp"
	headerSignature = "webhook-signature"

	secretPrefix = "whsec_"
	// The sizes of a secret's bytes that the specification allows.
	leastSecret = 24
	mostSecret  = 64
)

// Secret is a key that the hub and a receiver share. It prints as <secret>.
type Secret struct{ key []byte }

// String implements fmt.Stringer.
func (Secret) String() string { return "<secret>" }

// GoString implements fmt.GoStringer.
func (Secret) GoString() string { return "<secret>" }

// ParseSecret reads "whsec_" and 24 to 64 bytes in base64. The error says
// nothing of the text.
func ParseSecret(text string) (Secret, error) {
	encoded, ok := strings.CutPrefix(strings.TrimSpace(text), secretPrefix)
	if !ok {
		return Secret{}, errors.New("a webhook's secret begins with " + secretPrefix)
	}
	key, err := base64.StdEncoding.DecodeString(encoded)
	if err != nil {
		return Secret{}, errors.New("a webhook's secret is not base64 after " + secretPrefix)
	}
	if len(key) < leastSecret || len(key) > mostSecret {
		return Secret{}, fmt.Errorf("a webhook's secret has %d bytes; %d to %d are needed", len(key), leastSecret, mostSecret)
	}
	return Secret{key}, nil
}

// ReadSecrets reads a secret from each file.
func ReadSecrets(files []string) ([]Secret, error) {
	var secrets []Secret
	var errs []error
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err == nil {
			var s Secret
			if s, err = ParseSecret(string(text)); err == nil {
				secrets = append(secrets, s)
				continue
			}
			err = fmt.Errorf("%s: %w", file, err)
		}
		errs = append(errs, err)
	}
	return secrets, errors.Join(errs...)
}

// signatures are those of all secrets, separated by a space: a receiver takes
// the message when one of them is right.
func signatures(secrets []Secret, id string, at time.Time, body []byte) string {
	list := make([]string, 0, len(secrets))
	for _, s := range secrets {
		mac := hmac.New(sha256.New, s.key)
		_, _ = mac.Write([]byte(id + "." + strconv.FormatInt(at.Unix(), 10) + ".")) // a hash takes everything
		_, _ = mac.Write(body)
		list = append(list, "v1,"+base64.StdEncoding.EncodeToString(mac.Sum(nil)))
	}
	return strings.Join(list, " ")
}

var plainID = regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`)

// messageID is the event's id, or one made from it where it has characters,
// such as the dot that separates what is signed, which an id must not have.
func messageID(event string) string {
	if plainID.MatchString(event) {
		return event
	}
	return uuid.NewSHA1(uuid.NameSpaceOID, []byte(event)).String()
}
