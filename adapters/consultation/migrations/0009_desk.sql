-- Officials of authorities who answer at the desk: who works for whom, who has
-- which question, and who stands in for somebody who is away. Official ids only
-- (country and personal code), as in rulings.
create table consultation.clerk (
    code      text primary key,
    authority text not null
);

create table consultation.assignment (
    leg_id uuid primary key references consultation.leg (id),
    code   text not null references consultation.clerk (code) on delete cascade
);

-- From the beginning of a day in Tallinn to the end of another; without one,
-- until it is taken back.
create table consultation.absence (
    code     text primary key references consultation.clerk (code) on delete cascade,
    deputy   text not null references consultation.clerk (code) on delete cascade,
    from_day date not null,
    to_day   date,
    check (deputy <> code and to_day >= from_day)
);

-- Who of the authority did it, where that is known.
alter table consultation.answer add column official text;
alter table consultation.deed add column official text;

create index leg_inbox on consultation.leg (authority, due_at, id) where state not in
    ('ANSWERED', 'REJECTED_BY_RECEIVER', 'DEEMED_NO_OBJECTION', 'CLOSED_NO_ANSWER', 'WITHDRAWN', 'SUPERSEDED');
