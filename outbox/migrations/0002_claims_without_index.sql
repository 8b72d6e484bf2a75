-- Claims that touch no index, and settling without writing the message again.
--
-- A claim used to move lane.due, an indexed column, so every claim and every release wrote two more index entries. From
-- now on ready_at is when the head may be sent, and a claim leaves it alone: it changes fence, claimed_until and claimed
-- only, which is a HOT update. due is kept for relays of the version before, which may run on beside new ones: new
-- relays hold a lane with due = infinity, which old ones do not touch, and honour fence and claimed_until of what old
-- ones hold. Lanes of old publishers get the defaults; an estimate of ready_at that is too early is put right by the
-- claim that finds nothing due.
--
-- A message that was delivered keeps state 'ready' in its row, which is never written again: it is no longer pending,
-- and its last attempt says how it ended.
alter table outbox.lane
    add column ready_at timestamptz not null default now(),
    add column claimed bigint,          -- the message that the present claim sends
    alter column due set default 'infinity';
alter table outbox.lane set (fillfactor = 45);
create index lane_ready on outbox.lane (destination, ready_at) where ready_at < 'infinity';

-- Ids of attempts order them and name nothing.
alter table outbox.attempt drop constraint attempt_pkey;
