-- Files that come with questions and answers.

-- What a file holds, once however often it is attached. It comes in chunks, each
-- a transaction of its own, so that a slow sender holds nothing up; sha256 is set
-- when all of it is there. Without one it is still coming, or its sender or the
-- hub has died: retention deletes it a day after it was touched last.
create table consultation.file (
    id         uuid        primary key,
    sha256     bytea       unique,
    size       bigint      not null default 0,
    media_type text        not null default '',
    touched_at timestamptz not null
);

create table consultation.chunk (
    file_id uuid    not null references consultation.file (id) on delete cascade,
    number  integer not null,
    data    bytea   not null,
    primary key (file_id, number)
);

-- External: what is attached is compressed already.
alter table consultation.chunk alter column data set storage external;

-- A file under a name: of the core (leg_id is null) or of the authority whose
-- question it is about.
create table consultation.attachment (
    id             uuid        primary key,
    file_id        uuid        not null references consultation.file (id),
    leg_id         uuid        references consultation.leg (id),
    name           text        not null,
    classification text        not null check (classification in ('AVALIK', 'AK')),
    created_at     timestamptz not null,
    bound          text        -- the answer or the action it came with, by the authority's id
);

create index attachment_file on consultation.attachment (file_id);
create index attachment_leg on consultation.attachment (leg_id) where leg_id is not null;
create index attachment_new on consultation.attachment (created_at) where leg_id is null;

-- Which of the core's attachments a round has.
create table consultation.round_attachment (
    consultation_id uuid    not null,
    round           integer not null,
    attachment_id   uuid    not null references consultation.attachment (id),
    position        integer not null,
    primary key (consultation_id, round, attachment_id),
    foreign key (consultation_id, round) references consultation.round (consultation_id, number)
);

create index round_attachment_of on consultation.round_attachment (attachment_id);
