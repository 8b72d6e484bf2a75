-- What people say about a destination, beside what its breaker says: held (a person's pause). Messages that expire, and
-- bulk messages, which wait for the others.

alter table outbox.breaker
    add column held_by     text,
    add column held_reason text,
    add column held_at     timestamptz,
    add column held_until  timestamptz;  -- while it lies ahead, nothing is sent

-- As published.
alter table outbox.message
    add column expires_at timestamptz,
    add column bulk       boolean not null default false;
alter table outbox.pending
    add column expires_at timestamptz,
    add column bulk       boolean not null default false;

-- Whether the lane's head is bulk. Each kind has an index of its own, so that neither walks over the other.
alter table outbox.lane add column bulk boolean not null default false;
drop index outbox.lane_ready;
create index lane_ready on outbox.lane (destination, ready_at) where ready_at < 'infinity' and not bulk;
create index lane_bulk on outbox.lane (destination, ready_at) where ready_at < 'infinity' and bulk;

-- Interventions of people on destinations; never changed.
create table outbox.control (
    id          bigint generated always as identity primary key,
    destination text not null collate "C",
    action      text not null check (action in ('pause', 'resume', 'trip', 'reset')),
    by          text not null,
    reason      text not null,
    until       timestamptz,
    at          timestamptz not null default now()
);
