-- Who is told of the hub's events by a webhook or a broker, and how far: events
-- up to cursor have been handed to the outbox.
create table core.subscription (
    name            text        primary key,
    cursor          text        not null,
    -- Grows with every replay, so that an event can be told again.
    generation      integer     not null default 0,
    created_at      timestamptz not null default clock_timestamp(),
    -- Since when nothing has been taken, and why not.
    failing_since   timestamptz,
    failing_reason  text        not null default '',
    disabled_at     timestamptz,
    disabled_by     text        not null default '',
    disabled_reason text        not null default ''
);
