package consultation

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"ristmik/adapters/consultation/files"
	"ristmik/outbox"
	"ristmik/soap"
)

// maxAttachments bounds the attachments of one question or answer.
const maxAttachments = 20

// fieldAttachments is the name by which a policy lets an authority see the
// core's attachments.
const fieldAttachments = "attachments"

// Attached is an attachment as others are told of it: what it is, and the hash
// by which whoever fetches it knows that it is the one.
type Attached struct {
	ID             string         `json:"id"`
	Name           string         `json:"name"`
	MediaType      string         `json:"media_type"`
	Size           int64          `json:"size"` // in bytes
	SHA256         string         `json:"sha256"`
	Classification Classification `json:"classification"`
	Container      bool           `json:"container,omitempty"` // of signed files: ASiC-E
}

// Attachment is an attachment as the core sees it.
type Attachment struct {
	Attached
	CreatedAt time.Time `json:"created_at"`
	Round     int       `json:"round,omitempty"`     // the last one that has it; 0 while none does
	LegID     string    `json:"leg_id,omitempty"`    // whose authority attached it; none: the core did
	Authority string    `json:"authority,omitempty"` // the same
	With      string    `json:"with,omitempty"`      // the answer or action that it came with, by the authority's id
}

// NewAttachment is a file that somebody attaches under an id of its own choice:
// doing it again changes nothing. LegID is the question of an authority that
// attaches it, "" when the core does.
type NewAttachment struct {
	ID, LegID, Name string
	Classification  Classification
	File            files.File
}

// Attach stores an attachment, in the caller's transaction. The error is a
// *[Refusal] when the id is no UUID or has been used for another one.
func (p *Procedure) Attach(ctx context.Context, tx pgx.Tx, n NewAttachment) (Attached, error) {
	if !n.Classification.Passes() {
		return Attached{}, tooSecret()
	}
	if !isUUID(n.ID) {
		return Attached{}, &Refusal{RefusedInvalid, []Violation{{Path: "/id", Code: "format", Message: "a UUID is needed"}}}
	}
	name := files.SafeName(n.Name)
	_, err := tx.Exec(ctx, `
		insert into consultation.attachment (id, file_id, leg_id, name, classification, created_at)
		values ($1, $2, nullif($3, '')::uuid, $4, $5, $6) on conflict (id) do nothing`,
		n.ID, n.File.ID, n.LegID, name, n.Classification.orDefault(), p.clock())
	if err != nil {
		return Attached{}, fmt.Errorf("storing an attachment: %w", err)
	}
	list, err := readAttached(ctx, tx, `where a.id = $1 and a.file_id = $2 and a.name = $3 and a.leg_id is not distinct from nullif($4, '')::uuid`,
		n.ID, n.File.ID, name, n.LegID)
	if err != nil {
		return Attached{}, err
	}
	if len(list) == 0 {
		return Attached{}, &Refusal{RefusedConflict, []Violation{{Path: "/id", Code: FaultAttachmentIDReused, Message: "another attachment has this id"}}}
	}
	return list[0].Attached, nil
}

// stored is an attachment with its file.
type stored struct {
	Attached
	file files.File
}

func readAttached(ctx context.Context, db outbox.DB, where string, args ...any) ([]stored, error) {
	rows, err := db.Query(ctx, `
		select a.id, a.name, a.classification, f.id, f.sha256, f.size, f.media_type, f.in_directory
		from consultation.attachment a join consultation.file f on f.id = a.file_id `+where, args...)
	if err != nil {
		return nil, fmt.Errorf("reading attachments: %w", err)
	}
	list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (stored, error) {
		var s stored
		err := row.Scan(&s.ID, &s.Name, &s.Classification, &s.file.ID, &s.file.SHA256, &s.file.Size, &s.file.MediaType, &s.file.InDirectory)
		s.MediaType, s.Size, s.SHA256 = s.file.MediaType, s.file.Size, hex.EncodeToString(s.file.SHA256)
		s.Container = s.MediaType == files.ASiCE
		return s, err
	})
	if err != nil {
		return nil, fmt.Errorf("reading attachments: %w", err)
	}
	return list, nil
}

// FindAttachment finds an attachment for the core; ErrNotFound when there is
// none.
func (p *Procedure) FindAttachment(ctx context.Context, db outbox.DB, id string) (Attached, files.File, error) {
	if !isUUID(id) {
		return Attached{}, files.File{}, ErrNotFound
	}
	list, err := readAttached(ctx, db, `where a.id = $1`, id)
	if err == nil && len(list) == 0 {
		err = ErrNotFound
	}
	if err != nil {
		return Attached{}, files.File{}, err
	}
	return list[0].Attached, list[0].file, nil
}

// ofLeg are the attachments that the authority of the leg $1 may see: its own,
// and those of the core in the leg's round where its policy lets it.
const ofLeg = `
	where a.leg_id = $1 or exists (
		select from consultation.round_attachment r join consultation.leg l on l.consultation_id = r.consultation_id and l.round = r.round
		where r.attachment_id = a.id and l.id = $1 and l.policy->'fields' ? '` + fieldAttachments + `')
	order by a.created_at, a.id`

// AttachmentFor finds an attachment for an authority: one of its question by the
// leg's id. The error is a *[Refusal] of the kind unknown when there is none.
func (p *Procedure) AttachmentFor(ctx context.Context, db outbox.DB, from soap.ClientID, leg, id string) (Attached, files.File, error) {
	if err := p.MayAttach(ctx, db, from, leg); err != nil {
		return Attached{}, files.File{}, err
	}
	list, err := readAttached(ctx, db, ofLeg, leg)
	if err != nil {
		return Attached{}, files.File{}, err
	}
	for _, s := range list {
		if s.ID == id {
			return s.Attached, s.file, nil
		}
	}
	return Attached{}, files.File{}, unknownLeg()
}

// MayAttach tells whether the subsystem may attach something to the question:
// nil, or a *[Refusal] of the kind unknown. It is asked before a byte is read.
func (p *Procedure) MayAttach(ctx context.Context, db outbox.DB, from soap.ClientID, leg string) error {
	if !isUUID(leg) {
		return unknownLeg()
	}
	var authority string
	rows, err := db.Query(ctx, `select authority from consultation.leg where id = $1`, leg)
	if err == nil {
		authority, err = pgx.CollectExactlyOneRow(rows, pgx.RowTo[string])
	}
	if errors.Is(err, pgx.ErrNoRows) {
		return unknownLeg()
	}
	if err != nil {
		return fmt.Errorf("finding the leg: %w", err)
	}
	if known, ok := p.authorities[authority]; !ok || known.Client != from {
		return unknownLeg()
	}
	return nil
}

// CheckAttachments looks at a list of ids before any file is read. The error is a
// *[Refusal] that names what is wrong with it.
func CheckAttachments(ids []string) error {
	var f faults
	if f.attachments(ids); len(f) > 0 {
		return &Refusal{RefusedInvalid, f}
	}
	return nil
}

// attachments names what is wrong with a list of ids.
func (f *faults) attachments(ids []string) {
	if len(ids) > maxAttachments {
		f.add("/attachments", "length", "at most %d attachments", maxAttachments)
	}
	for i, id := range ids {
		switch path := fmt.Sprintf("/attachments/%d", i); {
		case !isUUID(id):
			f.add(path, FaultUnknownAttachment, "there is no such attachment")
		case slices.Index(ids, id) < i:
			f.add(path, "duplicate", "this attachment has been named already")
		}
	}
}

// unknownAttachments names those of ids that are not in found.
func unknownAttachments(ids, found []string) error {
	var f faults
	for i, id := range ids {
		if !slices.Contains(found, id) {
			f.add(fmt.Sprintf("/attachments/%d", i), FaultUnknownAttachment, "there is no such attachment")
		}
	}
	if len(f) > 0 {
		return &Refusal{RefusedInvalid, f}
	}
	return nil
}

// attachRound gives a round attachments of the core that no other case has.
func attachRound(ctx context.Context, tx pgx.Tx, r roundRef, ids []string) error {
	if len(ids) == 0 {
		return nil
	}
	rows, err := tx.Query(ctx, `
		select id::text from consultation.attachment a where id = any($1::uuid[]) and leg_id is null and not exists (
			select from consultation.round_attachment r where r.attachment_id = a.id and r.consultation_id <> $2)
		for update`, ids, r.ID)
	if err != nil {
		return fmt.Errorf("finding attachments: %w", err)
	}
	found, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return fmt.Errorf("finding attachments: %w", err)
	}
	if err := unknownAttachments(ids, found); err != nil {
		return err
	}
	_, err = tx.Exec(ctx, `
		insert into consultation.round_attachment (consultation_id, round, attachment_id, position)
		select $1, $2, id::uuid, n from unnest($3::text[]) with ordinality as given (id, n) on conflict do nothing`, r.ID, r.Number, ids)
	if err != nil {
		return fmt.Errorf("attaching: %w", err)
	}
	return nil
}

// attachedTo are the core's attachments of a round, in the order in which they
// were named.
func attachedTo(ctx context.Context, tx pgx.Tx, r roundRef) ([]Attached, error) {
	list, err := readAttached(ctx, tx, `
		join consultation.round_attachment r on r.attachment_id = a.id
		where r.consultation_id = $1 and r.round = $2 order by r.position, a.created_at, a.id`, r.ID, r.Number)
	var out []Attached
	for _, s := range list {
		out = append(out, s.Attached)
	}
	return out, err
}

// attachDeed notes with which answer or action of an authority its attachments
// came; each comes with one.
func attachDeed(ctx context.Context, tx pgx.Tx, leg, deed string, ids []string) error {
	if len(ids) == 0 {
		return nil
	}
	rows, err := tx.Query(ctx, `
		update consultation.attachment set bound = $2 where leg_id = $1 and id = any($3::uuid[]) and coalesce(bound, $2) = $2 returning id::text`, leg, deed, ids)
	if err != nil {
		return fmt.Errorf("attaching: %w", err)
	}
	found, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return fmt.Errorf("attaching: %w", err)
	}
	return unknownAttachments(ids, found)
}

// AddAttachments gives the current round more attachments, and tells the
// authorities that may see them. The error is ErrNotFound, or a *[Refusal].
func (p *Procedure) AddAttachments(ctx context.Context, tx pgx.Tx, id string, ids []string) (Consultation, error) {
	r, err := lockRound(ctx, tx, id)
	if err != nil {
		return Consultation{}, err
	}
	var f faults
	if f.attachments(ids); len(ids) == 0 {
		f.add("/attachments", "required", "at least one attachment is needed")
	}
	if len(f) > 0 {
		return Consultation{}, &Refusal{RefusedInvalid, f}
	}
	if r.state != RoundCollecting {
		return Consultation{}, cannotBe(r.state)
	}
	if err := attachRound(ctx, tx, r.roundRef, ids); err != nil {
		return Consultation{}, err
	}
	legs, err := readLegs(ctx, tx, r.roundRef, r.state, "consultation_id = $1 and round = $2", r.ID, r.Number)
	if err != nil {
		return Consultation{}, err
	}
	batch := &pgx.Batch{}
	var told []outbox.Message
	for _, l := range legs {
		if slices.Contains(l.policy.Fields, fieldAttachments) && !l.progress.State.Final() {
			notice(batch, l.policy.Authority, l.id, noticeAttached, p.clock())
			if m, ok := l.told(noticeAttached, p.clock(), strings.Join(ids, " ")); ok {
				told = append(told, m)
			}
		}
	}
	if err := outbox.Queue(batch, told...); err != nil {
		return Consultation{}, fmt.Errorf("telling of attachments: %w", err)
	}
	if err := tx.SendBatch(ctx, batch).Close(); err != nil {
		return Consultation{}, fmt.Errorf("telling of attachments: %w", err)
	}
	return p.Get(ctx, tx, id)
}

// noticeAttached tells an authority that something was attached to its question.
const noticeAttached Happening = "attached"

// Attachments lists what is attached to a consultation, by the core and by
// authorities, over all its rounds; ErrNotFound when there is no such
// consultation.
func (p *Procedure) Attachments(ctx context.Context, db outbox.DB, id string) ([]Attachment, error) {
	if _, err := p.Neutral(ctx, db, id); err != nil {
		return nil, err
	}
	rows, err := db.Query(ctx, `
		select a.id, a.name, a.classification, f.sha256, f.size, f.media_type, a.created_at, coalesce(a.bound, ''), coalesce(l.id::text, ''), coalesce(l.authority, ''),
			coalesce(l.round, (select max(r.round) from consultation.round_attachment r where r.attachment_id = a.id and r.consultation_id = $1))
		from consultation.attachment a join consultation.file f on f.id = a.file_id left join consultation.leg l on l.id = a.leg_id
		where l.consultation_id = $1 or a.id in (select attachment_id from consultation.round_attachment where consultation_id = $1)
		order by a.created_at, a.id`, id)
	if err != nil {
		return nil, fmt.Errorf("listing attachments: %w", err)
	}
	list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (Attachment, error) {
		var a Attachment
		var sum []byte
		err := row.Scan(&a.ID, &a.Name, &a.Classification, &sum, &a.Size, &a.MediaType, &a.CreatedAt, &a.With, &a.LegID, &a.Authority, &a.Round)
		a.SHA256, a.Container, a.CreatedAt = hex.EncodeToString(sum), a.MediaType == files.ASiCE, a.CreatedAt.UTC()
		return a, err
	})
	if err != nil {
		return nil, fmt.Errorf("listing attachments: %w", err)
	}
	return append([]Attachment{}, list...), nil
}

// detach takes a round's attachments off, those of its authorities included; the
// files go when nothing has them any more.
func detach(ctx context.Context, tx pgx.Tx, consultation string, round int) error {
	batch := &pgx.Batch{}
	batch.Queue(`
		delete from consultation.attachment a using consultation.leg l
		where a.leg_id = l.id and l.consultation_id = $1 and l.round = $2`, consultation, round)
	batch.Queue(`delete from consultation.round_attachment where consultation_id = $1 and round = $2`, consultation, round)
	return tx.SendBatch(ctx, batch).Close()
}

// PruneAttachments deletes attachments of the core that no round has and that are
// older than the given time, at most limit, and says how many.
func PruneAttachments(ctx context.Context, db outbox.DB, before time.Time, limit int) (int, error) {
	rows, err := db.Query(ctx, `
		delete from consultation.attachment where id in (
			select id from consultation.attachment a
			where created_at < $1 and leg_id is null and not exists (select from consultation.round_attachment r where r.attachment_id = a.id)
			limit $2 for update skip locked)
		returning 1`, before, limit)
	if err != nil {
		return 0, fmt.Errorf("deleting attachments of nothing: %w", err)
	}
	list, err := pgx.CollectRows(rows, pgx.RowTo[int])
	if err != nil {
		return 0, fmt.Errorf("deleting attachments of nothing: %w", err)
	}
	return len(list), nil
}
