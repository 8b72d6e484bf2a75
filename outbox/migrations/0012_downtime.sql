-- Outages that a destination has announced: nothing is sent to it from starts to ends, and no attempt is counted.
create table outbox.downtime (
    id               bigint generated always as identity primary key,
    destination      text not null collate "C",
    starts           timestamptz not null,
    ends             timestamptz not null check (ends > starts),
    by               text not null,
    reason           text not null,
    announced_at     timestamptz not null default now(),
    withdrawn_by     text,
    withdrawn_reason text,
    withdrawn_at     timestamptz
);
create index downtime_destination on outbox.downtime (destination, ends) where withdrawn_at is null;

-- When the last of them ends, so that a destination without any costs its dispatcher nothing.
alter table outbox.breaker add column down_last timestamptz;

create view outbox.down as
select destination, max(ends) as until from outbox.downtime
where withdrawn_at is null and starts <= now() and ends > now() group by destination;
