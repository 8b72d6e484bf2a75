-- Rounds, legs and answers of consultations. No names, no personal codes: the
-- question with them lives in the outbox message, the case in the core.
create schema consultation;

-- One round of questions about one case. A consultation keeps its id over its
-- rounds; the number says which round it is.
create table consultation.round (
    consultation_id uuid        not null,
    number          integer     not null check (number >= 1),
    case_reference  text        not null,
    type            text        not null,
    legal_basis     text        not null,
    purpose         text        not null,
    state           text        not null check (state in ('COLLECTING', 'COMPLETE')),
    outcome         text,
    opened_at       timestamptz not null,
    completed_at    timestamptz,
    primary key (consultation_id, number),
    check ((state = 'COMPLETE') = (outcome is not null and completed_at is not null))
);


-- The question to one authority, with the policy as it was when it was asked.
create table consultation.leg (
    id              uuid        primary key,
    consultation_id uuid        not null,
    round           integer     not null,
    position        integer     not null,
    authority       text        not null,
    mandatory       boolean     not null,
    binding         text        not null check (binding in ('veto', 'override', 'advisory', 'facts')),
    destination     text        not null,
    state           text        not null
        check (state in ('QUEUED', 'DELIVERED', 'ANSWERED', 'DELIVERY_PROBLEM', 'REJECTED_BY_RECEIVER')),
    receipt_id      text,
    delivered_at    timestamptz,
    problem_reason  text,
    foreign key (consultation_id, round) references consultation.round (consultation_id, number),
    unique (consultation_id, round, authority)
);

-- Every answer that was taken. The receipt (status, leg_state) is kept, so that
-- a repeated answer gets the same one; content_sha256 tells a repetition from
-- another answer under the same id.
create table consultation.answer (
    leg_id         uuid        not null references consultation.leg (id),
    answer_id      text        not null,
    version        integer     not null check (version >= 1),
    status         text        not null check (status in ('accepted', 'late')),
    leg_state      text        not null,
    code           text        not null,
    legal_ground   text,
    justification  text,
    conditions     jsonb,
    facts          json,
    answered_at    timestamptz not null,
    received_at    timestamptz not null,
    from_client    text        not null,
    door           text        not null,
    message_id     text,
    content_sha256 bytea       not null,
    primary key (leg_id, answer_id)
);

-- One accepted answer of each version: the last guard against two at once.
create unique index answer_accepted on consultation.answer (leg_id, version) where status = 'accepted';
