-- The whole procedure: terms and timers, questions back, extensions,
-- corrections, revisions, and what happened when.

alter table consultation.round
    drop constraint round_state_check,
    drop constraint round_check,
    add column via_silence boolean not null default false, -- an answer was deemed
    add column unanswered  boolean not null default false, -- an optional answer did not come
    add constraint round_state_check check (state in ('COLLECTING', 'COMPLETE', 'CANCELLED', 'SUPERSEDED')),
    add constraint round_check check ((outcome is null) = (completed_at is null)
        and (state <> 'COLLECTING' or outcome is null) and (state <> 'COMPLETE' or outcome is not null));

-- progress is what the machine keeps beside the state: the term with its pauses
-- and extensions, what waits for whom. due_at is the end of the term, null while
-- the clock stands still; timers are rows of their own.
alter table consultation.leg
    drop constraint leg_state_check,
    add constraint leg_state_check check (state in ('QUEUED', 'SENT', 'DELIVERED', 'IN_REVIEW', 'INFO_REQUESTED', 'EXTENSION_REQUESTED',
        'OVERDUE', 'DELIVERY_PROBLEM', 'ANSWERED', 'REJECTED_BY_RECEIVER', 'DEEMED_NO_OBJECTION', 'CLOSED_NO_ANSWER', 'WITHDRAWN', 'SUPERSEDED')),
    add column policy         jsonb       not null default '{}',
    add column progress       jsonb       not null default '{}',
    add column answer_version integer     not null default 0 check (answer_version >= 0),
    add column changes        integer     not null default 0,
    add column due_at         timestamptz;

update consultation.leg l set
    policy = jsonb_build_object('authority', authority, 'mandatory', mandatory, 'binding', binding, 'destination', destination),
    answer_version = (select count(*) from consultation.answer a where a.leg_id = l.id and a.status = 'accepted');

-- What will happen to a leg by itself, and when. A timer counts from its due
-- time, however late it fires.
create table consultation.timer (
    leg_id uuid        not null references consultation.leg (id),
    what   text        not null,
    due_at timestamptz not null,
    primary key (leg_id, what)
);

create index timer_due on consultation.timer (due_at);

-- Everything that happened to a leg, in its order; at is when it happened,
-- recorded_at when the hub noted it. No personal data: actor is "core",
-- "authority" or "clock".
create table consultation.happening (
    leg_id      uuid        not null references consultation.leg (id),
    number      integer     not null,
    what        text        not null,
    at          timestamptz not null,
    recorded_at timestamptz not null,
    from_state  text        not null,
    to_state    text        not null,
    actor       text        not null check (actor in ('core', 'authority', 'clock', 'hub')),
    door        text,
    reason      text,
    until       timestamptz,
    due_at      timestamptz,
    primary key (leg_id, number)
);
