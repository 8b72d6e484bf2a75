-- What both sides do with a question beside answering it, and what authorities
-- fetch.

-- What the core asked in a round, whole: needed when an authority that is named
-- later is asked the same. Personal data; pruned with the messages.
create table consultation.content (
    consultation_id uuid    not null,
    round           integer not null,
    request         jsonb   not null,
    primary key (consultation_id, round),
    foreign key (consultation_id, round) references consultation.round (consultation_id, number)
);

-- What one authority is asked, to the byte. Personal data; pruned with the
-- messages.
create table consultation.question (
    leg_id  uuid  primary key references consultation.leg (id),
    content bytea not null
);

-- Questions back, with their answers. number is that of the happening.
create table consultation.inquiry (
    leg_id      uuid        not null references consultation.leg (id),
    number      integer     not null,
    text        text        not null,
    asked_at    timestamptz not null,
    answer      text,
    answered_at timestamptz,
    primary key (leg_id, number)
);

-- What an authority did, by its own id of the deed, so that doing it again
-- repeats the receipt.
create table consultation.deed (
    leg_id         uuid        not null references consultation.leg (id),
    deed_id        text        not null,
    leg_state      text        not null,
    received_at    timestamptz not null,
    from_client    text        not null,
    message_id     text,
    content_sha256 bytea       not null,
    primary key (leg_id, deed_id)
);

-- What an official of the case owner decided, with the reason and who it was.
create table consultation.ruling (
    consultation_id uuid        not null,
    round           integer     not null,
    leg_id          uuid        references consultation.leg (id),
    what            text        not null check (what in ('overridden', 'confirmed', 'closed', 'readdressed')),
    reason          text        not null,
    official        text        not null,
    at              timestamptz not null,
    foreign key (consultation_id, round) references consultation.round (consultation_id, number)
);

create unique index ruling_once on consultation.ruling (consultation_id, round, what, leg_id) nulls not distinct;

alter table consultation.leg add column replaced_by uuid references consultation.leg (id);

-- What an authority has to know, in its order. An entry gets its position when
-- the authority looks, so that none is ever placed before one that was seen:
-- what is not committed yet cannot be numbered.
create table consultation.notice (
    id        bigint generated always as identity primary key,
    authority text        not null,
    position  bigint,
    leg_id    uuid        not null references consultation.leg (id),
    what      text        not null,
    at        timestamptz not null,
    unique (authority, position)
);

create index notice_new on consultation.notice (authority, id) where position is null;

create table consultation.feed (
    authority text   primary key,
    last      bigint not null
);

-- For lists, and for finding a case.
create index round_opened on consultation.round (opened_at, consultation_id);
create index round_case on consultation.round (case_reference);
create index leg_due on consultation.leg (due_at) where state not in
    ('ANSWERED', 'REJECTED_BY_RECEIVER', 'DEEMED_NO_OBJECTION', 'CLOSED_NO_ANSWER', 'WITHDRAWN', 'SUPERSEDED');
