-- What keeps names from being guessed that are made from something guessable,
-- such as an authority's: 32 random bytes of this database. 244 of the bits are
-- from the server's strong random numbers (two UUIDs of version 4).
create table consultation.secret (
    only_one boolean     primary key default true check (only_one),
    value    bytea       not null,
    made_at  timestamptz not null default now()
);

insert into consultation.secret (value) values (decode(replace(gen_random_uuid()::text || gen_random_uuid()::text, '-', ''), 'hex'));
