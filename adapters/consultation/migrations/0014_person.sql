-- Consultations are found by the person they are about, by each of the person's
-- identities: a personal code, or names, birth date, citizenship and document
-- where there is none. An identity is kept as a keyed hash only, so that a list
-- of codes or names says nothing without this database.
create function consultation.reference(identity text) returns bytea language sql stable as $$
    select sha256(value || sha256(value || convert_to(identity, 'UTF8'))) from consultation.secret
$$;

-- Which identities are of one person; person is a number of the hub's own.
create table consultation.identity (
    reference bytea primary key,
    person    uuid  not null
);

create index identity_person on consultation.identity (person);

alter table consultation.round add column identity bytea;

update consultation.round r set identity = consultation.reference('code ' || upper(c.request #>> '{person,personal_code}'))
    from consultation.content c where c.consultation_id = r.consultation_id and c.round = r.number and c.request #>> '{person,personal_code}' <> '';

insert into consultation.identity (reference, person)
    select identity, gen_random_uuid() from (select distinct identity from consultation.round where identity is not null) known;

create index round_identity on consultation.round (identity, opened_at);
