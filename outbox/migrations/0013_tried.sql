-- What the last attempt at each destination behind a gateway said of the destination, by any process: whether all of them
-- fail is judged by these rows, not by what one process has seen.
create table outbox.tried (
    destination text not null collate "C" primary key,
    gateway     text not null collate "C",
    at          timestamptz not null,
    failed      boolean not null
) with (fillfactor = 50);
