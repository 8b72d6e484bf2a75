-- Messages are sent from the log itself. A message used to have three rows: its own, one in pending, and its lane's. From
-- now on Publish writes the message alone, with the transaction that wrote it; a relay that owns the destination reads
-- the log in order, keeps in memory what it is sending, and writes to pending and lane only what could not be sent at once.
--
-- Relays and publishers of the version before may run on beside new ones: what they publish has no born, a row in pending
-- and one in lane, as before, and what new ones publish they do not see. Two things they must not do meanwhile: prune
-- messages that have waited for longer than they keep delivered ones (they take a message that is not pending for
-- delivered), and publish into a lane into which new ones publish at the same time, where order matters.

alter table outbox.message add column born xid8;
create index message_feed on outbox.message (destination, bulk, id) where born is not null;
-- For those of its lane that are not bulk and go after it.
create index message_bulk on outbox.message (destination, lane, id) where bulk and born is not null;

-- Who reads a destination's messages. fence changes with the owner; whoever records an outcome locks the row for key
-- share and looks whether it is still his, and whoever takes over locks it for update.
create table outbox.feed (
    destination text not null collate "C" primary key,
    owner       text,                       -- null: nobody
    sent_by     text,                       -- who owned it last
    fence       bigint not null default 0
);

-- How far they are read, bulk ones apart. Every message whose transaction is visible in seen has been taken. A sweep over
-- what has become visible since, up to the snapshot upto, goes by id and has come to at. Messages of transactions from
-- next on have ids above base, and those of older ones that are not visible in seen, above their bounds.
create table outbox.feed_position (
    destination text not null collate "C",
    bulk        boolean not null,
    seen        pg_snapshot not null default '1:1:',
    base        bigint not null default 0,
    next        bigint not null default 0,
    open        text[] not null default '{}',
    bounds      bigint[] not null default '{}',
    upto        pg_snapshot,
    upto_base   bigint not null default 0,
    upto_next   bigint not null default 0,
    at          bigint not null default 0,
    primary key (destination, bulk)
) with (fillfactor = 50);

-- What the owner has taken from the log and not recorded yet, so that whoever takes over knows what may have been sent. A
-- row whose messages have all been recorded is deleted later on.
create table outbox.held (
    destination text not null collate "C",
    batch       bigint not null,
    ids         bigint[] not null,
    primary key (destination, batch)
);

-- Messages in the log that no relay has taken yet.
create view outbox.untaken as
select m.*
from outbox.message m
left join outbox.feed_position p on p.destination = m.destination and p.bulk = m.bulk
where m.born is not null and m.state = 'ready'
  and (p.destination is null
       or m.id > (select least(p.base, case when p.upto is not null then p.at end, min(b)) from unnest(p.bounds) b)
          and not pg_visible_in_snapshot(m.born, p.seen)
          and (p.upto is null or not pg_visible_in_snapshot(m.born, p.upto) or m.id > p.at));

-- What owners have taken from it and not recorded.
create view outbox.taken as
select m.*
from outbox.held h cross join unnest(h.ids) as i(id) join outbox.message m on m.id = i.id
where m.state = 'ready'
  and not exists (select from outbox.attempt a where a.message = m.id)
  and not exists (select from outbox.pending p where p.destination = m.destination and p.lane = m.lane and p.id = m.id);
