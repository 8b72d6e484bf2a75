// Package pemfile reads certificates and keys from PEM files and reads them
// again when the files change, so that they are exchanged without a restart.
// Both sides of X-Road's TLS use it: certificates are compared byte for byte,
// without chains, names or dates, as Security Servers do it (PR-REST 4.7).
package pemfile

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"os"
	"sync"
	"time"
)

// stamp tells one state of a file from another without reading it.
type stamp struct {
	size     int64
	modified time.Time
}

// Watched is a value made of files. It is made again when a file has changed;
// while the new files cannot be used, the old value stays. It is safe for
// concurrent use.
type Watched[T any] struct {
	files   []string
	build   func() (T, error)
	changed func(error)

	mu    sync.Mutex
	seen  []stamp
	value T
}

// Watch builds the value for the first time; the error says what is wrong with
// the files. changed is told once for each later change: nil when the new files
// are in force, else why they are not.
func Watch[T any](files []string, build func() (T, error), changed func(error)) (*Watched[T], error) {
	w := &Watched[T]{files: files, build: build, changed: changed}
	w.seen, _ = stamps(files)
	v, err := build()
	if err != nil {
		return nil, err
	}
	w.value = v
	return w, nil
}

// Get returns the value of the files as they are, or the last good one.
func (w *Watched[T]) Get() T {
	w.mu.Lock()
	defer w.mu.Unlock()
	now, err := stamps(w.files)
	if err == nil && same(now, w.seen) {
		return w.value
	}
	if err != nil && w.seen == nil {
		return w.value // it was told already
	}
	w.seen = now
	if err == nil {
		var v T
		if v, err = w.build(); err == nil {
			w.value = v
		}
	}
	w.changed(err)
	return w.value
}

// stamps returns nil and an error when a file cannot be seen.
func stamps(files []string) ([]stamp, error) {
	out := make([]stamp, 0, len(files))
	for _, f := range files {
		info, err := os.Stat(f)
		if err != nil {
			return nil, err
		}
		out = append(out, stamp{info.Size(), info.ModTime()})
	}
	return out, nil
}

func same(a, b []stamp) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i].size != b[i].size || !a[i].modified.Equal(b[i].modified) {
			return false
		}
	}
	return true
}

// Certificates returns the certificates in the files, as DER; each file has one
// at least, several let a side change its certificate without an interruption.
// What else stands in a file, such as a key, is passed over.
func Certificates(files ...string) ([][]byte, error) {
	var out [][]byte
	for _, file := range files {
		rest, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		before := len(out)
		for {
			var block *pem.Block
			if block, rest = pem.Decode(rest); block == nil {
				break
			}
			if block.Type != "CERTIFICATE" {
				continue
			}
			if _, err := x509.ParseCertificate(block.Bytes); err != nil {
				return nil, fmt.Errorf("%s: a certificate in it cannot be read: %w", file, err)
			}
			out = append(out, block.Bytes)
		}
		if len(out) == before {
			return nil, fmt.Errorf("%s: holds no certificate (PEM)", file)
		}
	}
	return out, nil
}

// KeyPair reads a certificate and its key; both may stand in one file. A key
// that everybody on the machine can read is refused.
func KeyPair(certificateFile, keyFile string) (*tls.Certificate, error) {
	info, err := os.Stat(keyFile)
	if err != nil {
		return nil, err
	}
	if info.Mode().Perm()&0o004 != 0 {
		return nil, fmt.Errorf("%s: everybody on this machine can read the key; take the right away (chmod o-r)", keyFile)
	}
	pair, err := tls.LoadX509KeyPair(certificateFile, keyFile)
	if err != nil {
		return nil, fmt.Errorf("certificate %s with key %s: %w", certificateFile, keyFile, err)
	}
	return &pair, nil
}

// Shows tells whether the peer of a connection has shown one of the
// certificates; nil stands for a connection without TLS.
func Shows(state *tls.ConnectionState, certificates [][]byte) bool {
	if state == nil || len(state.PeerCertificates) == 0 {
		return false
	}
	for _, c := range certificates {
		if bytes.Equal(c, state.PeerCertificates[0].Raw) {
			return true
		}
	}
	return false
}
