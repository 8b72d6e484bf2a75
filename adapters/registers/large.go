package registers

import (
	"encoding/json"
	"io"
	"net/http"

	"ristmik/adapters/web"
	"ristmik/adapters/xroad"
	"ristmik/soap/contract"
)

// largeAnswer is the size in bytes above which an answer is not held as values:
// those take some ten times as much memory as their text.
const largeAnswer = 64 << 10

// isLarge says whether an answer is to be passed on piece by piece. One that a
// table tells must be there as a whole.
func (s *served) isLarge(op *contract.Operation, answer *xroad.Answer) bool {
	t := s.tables[op]
	at := answer.Message.Outline.Wrapper
	return at.End-at.Start > largeAnswer && answer.Message.Fault == nil && (t == nil || !t.HasAnswer())
}

// write answers the core.
func (r result) write(w http.ResponseWriter) {
	if r.large == nil {
		web.WriteJSON(w, http.StatusOK, r)
		return
	}
	// What stands behind the data is small; it is made first, so that nothing is
	// begun that cannot be ended.
	rest, err := json.Marshal(struct {
		Unknown  []string `json:"unknown,omitempty"`
		Exchange exchange `json:"exchange"`
	}{r.Unknown, r.Exchange})
	if err != nil {
		web.WriteProblem(w, web.Problem{Type: web.TypeInternal, Detail: "The answer could not be written as JSON."})
		return
	}
	web.StreamJSON(w, http.StatusOK, func(w io.Writer) error {
		if _, err := io.WriteString(w, `{"data":`); err != nil {
			return err
		}
		if _, err := r.large.WriteTo(w); err != nil {
			return err
		}
		_, err := w.Write(append(append([]byte{','}, rest[1:]...), '\n'))
		return err
	})
}
