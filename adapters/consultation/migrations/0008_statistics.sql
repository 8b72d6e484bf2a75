-- How long authorities take, from when they were asked.
alter table consultation.leg add column asked_at timestamptz;

update consultation.leg l set asked_at = r.opened_at
    from consultation.round r where r.consultation_id = l.consultation_id and r.number = l.round;

alter table consultation.leg alter column asked_at set not null;

create index answer_first on consultation.answer (received_at) where status = 'accepted' and version = 1;
create index leg_open on consultation.leg (authority, type) where state not in
    ('ANSWERED', 'REJECTED_BY_RECEIVER', 'DEEMED_NO_OBJECTION', 'CLOSED_NO_ANSWER', 'WITHDRAWN', 'SUPERSEDED');
