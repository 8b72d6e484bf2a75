package outbox

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

// placing are messages from the log that get rows in pending, as columns: they could not be sent at once, or not at all.
type placing struct {
	destinations, lanes []string
	ids                 []int64
	attempts, tries     []int
	reasons             []string
	waits               []*float64 // seconds; nil: as published
	dead                []bool     // it blocks its lane
	verdicts            []*string
	fences              []*int64
}

func (p *placing) add(c *claimed, attempt, tries int, reason string, wait *float64, dead bool, verdict *string, fence *int64) {
	p.destinations, p.lanes, p.ids = append(p.destinations, c.Destination), append(p.lanes, c.Lane), append(p.ids, c.ID)
	p.attempts, p.tries, p.reasons = append(p.attempts, attempt), append(p.tries, tries), append(p.reasons, reason)
	p.waits, p.dead, p.verdicts, p.fences = append(p.waits, wait), append(p.dead, dead), append(p.verdicts, verdict), append(p.fences, fence)
}

// waiting adds a message that has not been tried.
func (p *placing) waiting(c *claimed) { p.add(c, 0, 0, "", nil, false, nil, nil) }

// abandoned adds one whose first attempt was cut off.
func (p *placing) abandoned(c *claimed) { p.add(c, 1, 1, "", nil, false, nil, &c.fence) }

// recordedAs adds one of which a record says that it stays.
func (p *placing) recordedAs(rec *record) {
	attempt, tries := rec.counts()
	wait := rec.wait.Round(time.Microsecond).Seconds()
	var verdict *string
	if rec.postpone != "" {
		verdict = &rec.postpone
	}
	p.add(rec.claimed, attempt, tries, rec.pendingReason(), &wait, rec.state == stateDead, verdict, nil)
}

// place gives messages their rows. Those that are due as published keep that time, so that a message that was put aside
// is not later than it would have been.
const place = `
insert into outbox.pending (destination, lane, id, due, attempt, tries, reason, verdict, fence, expires_at, bulk, published_at)
select m.destination, m.lane, m.id,
       case when w.dead then 'infinity' when w.wait is null then m.not_before else clock_timestamp() + make_interval(secs => w.wait) end,
       w.attempt, w.tries, w.reason, w.verdict, w.fence, m.expires_at, m.bulk, m.published_at
from unnest($1::bigint[], $2::float8[], $3::bool[], $4::int[], $5::int[], $6::text[], $7::text[], $8::bigint[])
     as w(id, wait, dead, attempt, tries, reason, verdict, fence)
join outbox.message m on m.id = w.id`

// store writes the rows, under the locks of the lanes, and makes the lanes due when their heads are.
func (p *placing) store(ctx context.Context, tx pgx.Tx) error {
	if len(p.ids) == 0 {
		return nil
	}
	lanes := slices.Clone(p.lanes)
	slices.SortFunc(lanes, strings.Compare)
	lanes = slices.Compact(lanes)
	destinations := p.destinations[:len(lanes)] // all of one destination
	batch := &pgx.Batch{}
	batch.Queue(lockLanes, destinations, lanes, make([]float64, len(lanes)), make([]bool, len(lanes)))
	batch.Queue(place, p.ids, p.waits, p.dead, p.attempts, p.tries, p.reasons, p.verdicts, p.fences).Exec(exactly(len(p.ids)))
	batch.Queue(dueAsHeads, destinations, lanes)
	return tx.SendBatch(ctx, batch).Close()
}
