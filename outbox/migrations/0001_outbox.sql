-- Durable delivery (message, pending, lane, attempt, dead, intervention, breaker, tally) and the record of events
-- (event, stream, horizon). The package comment of outbox says how they work together.

create schema outbox;

-- The log: one row per message. No index holds a column that changes, so settling a message is a HOT update.
create table outbox.message (
    id           bigint generated always as identity primary key,
    destination  text not null collate "C",
    lane         text not null collate "C",
    kind         text not null,
    key          text not null collate "C",
    payload      bytea not null,
    traceparent  text not null default '',
    state        text not null default 'ready' check (state in ('ready', 'delivered', 'dead', 'discarded')),
    attempt      integer not null default 0,
    reason       text not null default '',
    published_at timestamptz not null default now(),
    not_before   timestamptz not null default now(),   -- as published
    settled_at   timestamptz,
    unique (destination, key)
) with (fillfactor = 90);

-- What is still to be sent. Its only index leads with the lane, so that no plan can walk all ids to find a head.
create table outbox.pending (
    destination  text not null collate "C",
    lane         text not null collate "C",
    id           bigint not null,              -- of the message; no foreign key, which would lock each message once more
    due          timestamptz not null,         -- infinity: dead, and blocks its lane
    attempt      integer not null default 0,   -- counted attempts ever begun
    tries        integer not null default 0,   -- the same since a person last gave it a new start
    reason       text not null default '',     -- why it is still here
    verdict      text,                         -- dead for this reason as soon as the destination's hook succeeds
    fence        bigint,                       -- the claim that sends it or last sent it
    published_at timestamptz not null default now(),
    primary key (destination, lane, id)
) with (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 2000, autovacuum_vacuum_cost_delay = 0);

-- One row per lane with something pending. Fencing numbers come from a sequence of all lanes, so that a lane which
-- vanishes and comes back never repeats one.
create sequence outbox.fence;
create table outbox.lane (
    destination   text not null collate "C",
    key           text not null collate "C",
    due           timestamptz not null,        -- of the head; while claimed: the end of the lease
    fence         bigint,                      -- of the present claim; null: not claimed
    claimed_by    text,
    claimed_at    timestamptz,
    claimed_until timestamptz,
    primary key (destination, key)
) with (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 2000, autovacuum_vacuum_cost_delay = 0);
-- Partial, so that only a query about due lanes can use it: otherwise a planner without statistics takes it for a way
-- to one lane, and walks all lanes of the destination.
create index lane_due on outbox.lane (destination, due) where due < 'infinity';

-- The relays that live, and until when they count as living without being heard of again.
create table outbox.relay (
    owner       text not null collate "C" primary key,
    alive_until timestamptz not null
);

-- Every send, as it ended; never changed.
create table outbox.attempt (
    id          bigint generated always as identity primary key,
    message     bigint not null,
    attempt     integer not null,
    started_at  timestamptz not null,
    finished_at timestamptz not null,
    result      text not null check (result in ('delivered', 'retry', 'wait', 'refused', 'unknown', 'dead')),
    reason      text not null,
    exchange    text not null,
    owner       text not null,
    fence       bigint not null
);
create index attempt_message on outbox.attempt (message, id);

-- What waits for a person.
create table outbox.dead (
    id          bigint primary key references outbox.message (id),
    destination text not null collate "C",
    since       timestamptz not null,
    reason      text not null
);

-- What a person did about a dead message, and why; never changed.
create table outbox.intervention (
    id      bigint generated always as identity primary key,
    message bigint not null,
    action  text not null check (action in ('retry', 'discard')),
    by      text not null,
    reason  text not null,
    at      timestamptz not null default now()
);
create index intervention_message on outbox.intervention (message, id);

-- Whether a destination is left alone; every process honours this row.
create table outbox.breaker (
    destination       text not null collate "C" primary key,
    state             text not null default 'closed' check (state in ('closed', 'open', 'half_open')),
    generation        bigint not null default 0,   -- counts the changes of this row
    since             timestamptz not null default now(),
    open_until        timestamptz,
    opened_reason     text not null default '',
    open_count        integer not null default 0,  -- openings in a row without a success between them
    probe_by          text,
    probe_lease_until timestamptz
);
create table outbox.breaker_change (
    id          bigint generated always as identity primary key,
    destination text not null collate "C",
    state       text not null check (state in ('closed', 'open', 'half_open')),
    at          timestamptz not null default now(),
    open_until  timestamptz,
    reason      text not null,
    by          text not null
);

-- Counts of what has left pending, in several rows per destination so that counting never makes one commit wait for
-- another.
create table outbox.tally (
    destination text not null collate "C",
    slot        smallint not null,
    delivered   bigint not null default 0,
    discarded   bigint not null default 0,
    primary key (destination, slot)
) with (fillfactor = 50);

-- Events, read by position (label, id). See Append for what a label is.
create table outbox.event (
    label       bigint not null,
    id          bigint generated always as identity,
    event_id    text not null collate "C" unique,
    type        text not null,
    source      text not null,
    subject     text not null collate "C",
    time        timestamptz not null,
    data        json,
    recorded_at timestamptz not null default now(),
    primary key (label, id)
);
create table outbox.stream (
    subject text not null collate "C" primary key,
    label   bigint not null
) with (fillfactor = 70);

-- Labels are transaction ids of this cluster plus shift. A database restored from a dump into another cluster gets a
-- shift that keeps its labels growing.
create table outbox.horizon (
    one   boolean primary key default true check (one),
    shift bigint not null
);
insert into outbox.horizon (shift) values (0);
