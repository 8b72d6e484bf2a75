-- Reminders at parts of a term, and the one digest of a day in which an authority
-- gets all that are due.
create table consultation.digest (
    authority text        not null,
    day       date        not null, -- in Tallinn
    due_at    timestamptz not null, -- when it is to be made, within office hours
    made_at   timestamptz,
    primary key (authority, day)
);

create index digest_due on consultation.digest (due_at) where made_at is null;

-- One reminder: number is that of the happening, percent the part of the term that
-- had passed. told says that it stands in its digest: what had ended by then, or
-- waited for the case owner, does not.
create table consultation.reminder (
    leg_id    uuid        not null references consultation.leg (id),
    number    integer     not null,
    authority text        not null,
    day       date        not null,
    percent   integer     not null check (percent between 1 and 100),
    at        timestamptz not null,
    told      boolean     not null default false,
    primary key (leg_id, number),
    foreign key (authority, day) references consultation.digest (authority, day)
);

create index reminder_digest on consultation.reminder (authority, day);
