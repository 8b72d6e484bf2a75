-- The pace of a destination, obeyed by all relays together: when its next message may leave. After an outage the pace, or
-- the number of messages under way, grows until ramp_until. probe_reason is why the last trial failed; opened_reason stays
-- the failure that opened the breaker.
create table outbox.pace (
    destination text not null collate "C" primary key,
    next_at     timestamptz not null default 'epoch'
) with (fillfactor = 50);
alter table outbox.breaker
    add column ramp_until   timestamptz,
    add column probe_reason text not null default '';
