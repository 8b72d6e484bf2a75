package outbox

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// reading is how far the messages of a destination, bulk ones or the others, have been taken from the log.
//
// Neither ids nor transaction ids are the order in which messages become visible, so how far it is is a snapshot: all that
// is visible in seen has been taken. What has become visible since is swept in the order of ids, up to a second snapshot;
// then that one is seen. Within a lane ids are drawn under a lock that lasts until the commit, so their order is that of
// the commits. A transaction that stays open keeps nobody waiting but its own messages.
//
// So that a sweep need not read the log from its beginning, it begins at the lowest id that it can find. Transactions
// from next on draw their ids after base was read. Of those below, the ones that are not visible in seen have bounds of
// their own. (A snapshot's own end is not enough: it is the last transaction that has ended, and others that began before it
// was taken may stand above it.)
type reading struct {
	seen string
	base int64
	next uint64
	open map[uint64]int64

	upto     string // of the sweep; "" between sweeps
	uptoBase int64
	uptoNext uint64
	at       int64 // the last id that it took
}

// mark is made before a snapshot is taken.
type mark struct {
	id   int64  // the last one drawn
	next uint32 // the transaction that was to come next, read after id; its lower half
}

// mostOpen bounds how many open transactions are kept apart. Where there are more, since one transaction may have many
// parts, the mark of the sweep before serves, and the next sweep begins a little earlier.
const mostOpen = 1000

// sweep goes on to the message at, the last one that was taken under the snapshot now. The mark was made before it.
func (p *reading) sweep(now string, m mark, at int64) error {
	p.at = at
	return p.begin(now, m)
}

// begin begins a sweep, unless one is under way.
func (p *reading) begin(now string, m mark) error {
	if p.upto != "" {
		return nil
	}
	s, err := parseSnapshot(now)
	if err != nil {
		return err
	}
	p.upto, p.uptoBase, p.uptoNext = now, m.id, uint64(int64(s.max)+int64(int32(m.next-uint32(s.max))))
	if p.uptoNext > s.max+mostOpen {
		p.uptoBase, p.uptoNext = p.base, p.next
	}
	return nil
}

// swept says that the sweep under the snapshot now has found nothing more.
func (p *reading) swept(now string, m mark) error {
	if err := p.begin(now, m); err != nil {
		return err
	}
	s, err := parseSnapshot(p.upto)
	if err != nil {
		return err
	}
	for x := s.max; x < p.uptoNext; x++ {
		s.open = append(s.open, x)
	}
	open := make(map[uint64]int64, len(s.open))
	for _, x := range s.open {
		bound, known := p.open[x]
		if !known {
			bound = p.base // it is not below next
		}
		open[x] = bound
	}
	p.seen, p.base, p.next, p.open, p.upto, p.at = p.upto, p.uptoBase, p.uptoNext, open, "", 0
	return nil
}

// passed is an id up to which all messages that were visible have been taken; see also [reading.covers].
func (p *reading) passed() int64 {
	if p.upto != "" {
		return p.at
	}
	return p.base
}

// covers tells of messages whether what goes before them in their lanes has been taken: the transaction that wrote them is in
// what has been read. An id alone does not tell, since the same transaction may have written both.
func (p *reading) covers() (func(id int64, written uint64) bool, error) {
	seen, err := parseSnapshot(p.seen)
	if err != nil {
		return nil, err
	}
	var upto snapshot
	if p.upto != "" {
		if upto, err = parseSnapshot(p.upto); err != nil {
			return nil, err
		}
	}
	return func(id int64, written uint64) bool {
		return seen.sees(written) || id <= p.at && upto.sees(written)
	}, nil
}

// sought are the parameters of what has not been taken: what is not visible in seen, and not in upto up to at.
func (p *reading) sought() (seen string, upto *string, at int64) {
	if p.upto != "" {
		upto = &p.upto
	}
	return p.seen, upto, p.at
}

// snapshot is PostgreSQL's pg_snapshot: transactions from max on, and the open ones below it, are not visible.
type snapshot struct {
	max  uint64
	open []uint64
}

// sees says whether what a transaction has written is visible.
func (s snapshot) sees(transaction uint64) bool {
	return transaction < s.max && !slices.Contains(s.open, transaction)
}

func parseSnapshot(text string) (s snapshot, err error) {
	parts := strings.Split(text, ":")
	if len(parts) != 3 {
		return s, fmt.Errorf("%q is no snapshot", text)
	}
	if s.max, err = strconv.ParseUint(parts[1], 10, 64); err != nil {
		return s, fmt.Errorf("%q is no snapshot: %w", text, err)
	}
	if parts[2] == "" {
		return s, nil
	}
	for x := range strings.SplitSeq(parts[2], ",") {
		n, err := strconv.ParseUint(x, 10, 64)
		if err != nil {
			return s, fmt.Errorf("%q is no snapshot: %w", text, err)
		}
		s.open = append(s.open, n)
	}
	return s, nil
}

// columns gives the transactions that were open and their bounds as columns.
func (p *reading) columns() (xids []string, bounds []int64) {
	xids, bounds = []string{}, []int64{}
	for x, bound := range p.open {
		xids, bounds = append(xids, strconv.FormatUint(x, 10)), append(bounds, bound)
	}
	return xids, bounds
}
