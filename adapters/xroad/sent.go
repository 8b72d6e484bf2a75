package xroad

import (
	"context"
	"net/http"
)

// Sent is a message as it leaves: of SOAP the envelope to the byte, of REST the
// method, the path, the header fields that the caller and this package set, and
// the body. Attachments and bodies that are streamed are not in it.
type Sent struct {
	Exchange Exchange // not ended; RequestHash is that of a SOAP message
	REST     bool
	Method   string
	Path     string
	Header   http.Header
	Content  []byte
}

type sentKey struct{}

// WatchSent returns a context with which every call tells what is about to
// leave, before the first byte of it does: so that it can be shown later what an
// authority was told. It is told once for each call, by the goroutine that
// calls; whether the message has arrived is another matter.
func WatchSent(ctx context.Context, told func(Sent)) context.Context {
	return context.WithValue(ctx, sentKey{}, told)
}

func leaves(ctx context.Context, s Sent) {
	if told, ok := ctx.Value(sentKey{}).(func(Sent)); ok {
		told(s)
	}
}
