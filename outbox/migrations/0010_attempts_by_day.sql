-- The record of attempts is kept by days (UTC), so that what is old goes with its table. Relays make the days ahead; what
-- comes on a day that nobody has made goes to attempt_rest, and is moved when the day is made. What there is already
-- becomes the first part, up to the end of today.
alter table outbox.attempt rename to attempt_before;
alter index outbox.attempt_message rename to attempt_before_message;
alter table outbox.attempt_before alter column id drop identity;
create sequence outbox.attempt_order;
select setval('outbox.attempt_order', coalesce((select max(id) from outbox.attempt_before), 0) + 1, false);
create table outbox.attempt (
    id          bigint not null default nextval('outbox.attempt_order'),
    message     bigint not null,
    attempt     integer not null,
    started_at  timestamptz not null,
    finished_at timestamptz not null,
    result      text not null constraint attempt_result_check check (result in ('delivered', 'retry', 'wait', 'refused', 'unknown', 'dead')),
    reason      text not null,
    exchange    text not null,
    owner       text not null,
    fence       bigint not null
) partition by range (finished_at);
create index attempt_message on outbox.attempt (message, id);
do $$
begin
    execute format('alter table outbox.attempt attach partition outbox.attempt_before for values from (minvalue) to (%L)',
        date_trunc('day', greatest(now(), (select max(finished_at) from outbox.attempt_before)), 'UTC') + interval '1 day');
end $$;
create table outbox.attempt_rest partition of outbox.attempt default;

-- The view still means the table that it was made with.
create or replace view outbox.taken as
select m.*
from outbox.held h cross join unnest(h.ids) as i(id) join outbox.message m on m.id = i.id
where m.state = 'ready'
  and not exists (select from outbox.attempt a where a.message = m.id)
  and not exists (select from outbox.pending p where p.destination = m.destination and p.lane = m.lane and p.id = m.id);
