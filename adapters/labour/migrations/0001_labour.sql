-- Our own references of the persons whose permits the Labour Inspectorate is
-- told of: the order of notices is kept by them.
create schema labour;

create table labour.person (
    person_ref    uuid primary key default gen_random_uuid(),
    personal_code text not null unique
);
