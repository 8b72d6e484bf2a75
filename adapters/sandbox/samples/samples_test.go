// Package samples tries message samples on the hub's and the sandbox's own
// doors: those of testdata, and a larger folder of messages from real systems
// where there is one. A folder holds files and expected.tsv, which says of each
// what it is and what a Security Server makes of it.
package samples_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"ristmik/soap/conformance"
	"ristmik/soap/contract/contracttest"
)

// samplesVariable is the environment variable that names the folder of real
// samples.
const samplesVariable = "RISTMIK_XROAD_SAMPLES"

func TestOwnSamples(t *testing.T) {
	t.Parallel()
	conformance.Covers(t, "C-006", "C-048", "C-049", "C-050", "C-051", "C-052", "C-053", "C-054", "C-055", "C-056", "C-057", "C-058", "C-059",
		"C-061", "C-062", "C-064", "C-066", "C-079", "C-080", "C-082", "C-083", "C-086", "C-087", "C-088", "C-090", "C-095", "C-098", "C-099", "C-108", "C-142", "C-156")
	try(t, load(t, "testdata"), true)
}

// The real samples: those of the folder in the environment, else
// ../shared/xroad-samples relative to the root of the repository.
func TestRealSamples(t *testing.T) {
	t.Parallel()
	dir := os.Getenv(samplesVariable)
	if dir == "" {
		dir = filepath.Join(contracttest.Root(t), "..", "shared", "xroad-samples")
	}
	if _, err := os.Stat(filepath.Join(dir, "expected.tsv")); err != nil {
		t.Skipf("no real samples at %s (set %s)", dir, samplesVariable)
	}
	try(t, load(t, dir), false)
}

// report counts what the rows said and could be tried.
type report struct {
	mu       sync.Mutex
	tried    int
	untested []string
}

// try runs every row. A row whose words say nothing that can be tested is
// counted; with all set there must be none.
func try(t *testing.T, s *set, all bool) {
	var done report
	s.provider = hubProvider(t)
	t.Run("rows", func(t *testing.T) {
		for _, r := range s.rows {
			t.Run(strings.ReplaceAll(r.path, "/", "."), func(t *testing.T) {
				t.Parallel()
				tested := r.try(t)
				done.mu.Lock()
				defer done.mu.Unlock()
				if tested {
					done.tried++
				} else {
					done.untested = append(done.untested, fmt.Sprintf("%s [%s]: %s", r.path, r.kind, r.words))
				}
			})
		}
	})
	slices.Sort(done.untested)
	t.Logf("%d rows, %d tried, %d say nothing that can be tried:\n%s", len(s.rows), done.tried, len(done.untested), strings.Join(done.untested, "\n"))
	if all && len(done.untested) > 0 {
		t.Error("every row has to say something that can be tried")
	}
	if done.tried == 0 {
		t.Error("no row could be tried")
	}
}

// try checks what the row says and tells whether it said anything.
func (r *row) try(t *testing.T) bool {
	types := r.contentTypes()
	switch {
	case len(types) == 0 || !r.soapLike(types[0]):
		return r.tryDocument(t)
	case r.code() != "":
		return r.tryFault(t, r.code(), types)
	case r.verdict == "accept":
		return r.tryAccept(t, types[0])
	default:
		return r.seeMessage(t, types[0])
	}
}

// soapLike tells messages from other XML documents with the same Content-Type.
func (r *row) soapLike(contentType string) bool {
	return multipart(contentType) || !strings.HasPrefix(r.verdict, "accept") && r.verdict != "see" || strings.Contains(string(r.data), "Envelope")
}
