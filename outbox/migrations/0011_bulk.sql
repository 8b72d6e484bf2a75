-- What a person decides about many dead messages at once: which ones is written down when it is decided, and what became
-- of each when it has been done.
create table outbox.bulk (
    id             bigint generated always as identity primary key,
    action         text not null check (action in ('retry', 'discard')),
    by             text not null,
    reason         text not null,
    -- What was asked for; empty: any. named: the messages were named one by one.
    destination    text not null collate "C",
    kind           text not null,
    because        text not null,
    named          boolean not null,
    rate           double precision not null check (rate >= 0),  -- messages a second; 0: no bound
    state          text not null default 'running' check (state in ('running', 'paused', 'stopped', 'done')),
    total          bigint not null default 0,
    done           bigint not null default 0,
    failed         bigint not null default 0,
    next_at        timestamptz not null default now(),  -- of the next message, by the rate
    created_at     timestamptz not null default now(),
    changed_by     text,
    changed_reason text,
    changed_at     timestamptz,
    ended_at       timestamptz
);
create index bulk_running on outbox.bulk (id) where state = 'running';
create index bulk_ended on outbox.bulk (ended_at);

create table outbox.bulk_item (
    bulk    bigint not null references outbox.bulk (id) on delete cascade,
    message bigint not null,
    since   timestamptz,  -- when it had died; null: it was named and not dead
    result  text check (result in ('done', 'failed')),  -- null: nothing has been done yet
    error   text not null default '',
    at      timestamptz,
    primary key (bulk, message)
);
create index bulk_item_open on outbox.bulk_item (bulk, message) where result is null;
