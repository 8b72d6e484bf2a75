-- What the migration core has asked and told, so that repeating it has no
-- second effect. No personal data: answers hold ids, states and codes.
create schema core;

-- The answer to a request with an Idempotency-Key, stored in the transaction of
-- the request's effect.
create table core.idempotency_key (
    client         text        not null,
    route          text        not null,
    key            text        not null,
    request_sha256 bytea       not null,
    status         integer     not null,
    location       text,
    body           bytea       not null,
    created_at     timestamptz not null,
    primary key (client, route, key)
);

create index idempotency_key_created_at on core.idempotency_key (created_at);

-- Every fact that the core told, by its own event id.
create table core.event_in (
    id             uuid        primary key,
    type           text        not null,
    content_sha256 bytea       not null,
    occurred_at    timestamptz not null,
    received_at    timestamptz not null
);
