-- What the hub must know to keep the tax board's registers in sync: the persons
-- with a permit, and the employment records already told to the core.
create schema tax;

create table tax.watched (
    person_ref    uuid primary key default gen_random_uuid(),
    personal_code text not null unique,
    permit_id     text not null,
    since         timestamptz not null default now()
);

create table tax.employment (
    toot_id    bigint primary key,
    person_ref uuid not null references tax.watched,
    employer   text not null,
    started    date not null,
    ended      date,
    changed_at timestamptz not null
);
