-- Who is asked is decided by rules: every leg knows the type of consultation that
-- asks, and every decision is kept with its reasons.

update consultation.leg l set policy = l.policy || jsonb_build_object('type', r.type)
    from consultation.round r where r.consultation_id = l.consultation_id and r.number = l.round;

alter table consultation.leg
    add column type text not null generated always as (coalesce(policy ->> 'type', '')) stored;

-- What rules decided: at the opening of a round (wave 0), and over answers. The
-- shadow version's decision has no effect; added and removed are the types that it
-- would ask more and not ask. No personal data: conditions and reasons are those
-- of the configuration.
create table consultation.choice (
    consultation_id  uuid        not null,
    round            integer     not null,
    wave             integer     not null check (wave >= 0),
    case_type        text        not null,
    after_leg        uuid        references consultation.leg (id),
    version          text        not null,
    decisions        jsonb       not null,
    shadow_version   text,
    shadow_decisions jsonb,
    shadow_problem   text,
    added            text[]      not null default '{}',
    removed          text[]      not null default '{}',
    decided_at       timestamptz not null,
    primary key (consultation_id, round, wave),
    foreign key (consultation_id, round) references consultation.round (consultation_id, number)
);

create index choice_shadow on consultation.choice (case_type, shadow_version, decided_at, consultation_id) where shadow_version is not null;
