-- Downtimes that authorities announce, by the authority's own id. begun and ended
-- say what the hub has done about them.
create table consultation.downtime (
    authority    text        not null,
    downtime_id  text        not null,
    from_at      timestamptz not null,
    until_at     timestamptz not null,
    reason       text        not null,
    announced_at timestamptz not null,
    from_client  text        not null,
    door         text        not null,
    message_id   text,
    begun        boolean     not null default false,
    ended        boolean     not null default false,
    primary key (authority, downtime_id),
    check (until_at >= from_at)
);

create index downtime_pending on consultation.downtime (from_at) where not ended;
