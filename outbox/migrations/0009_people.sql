-- What a person changes of a dead message becomes its next generation, at its old place; what it was stays here. Retries
-- of a destination can be switched off.
alter table outbox.message add column generation integer not null default 1;
create table outbox.generation (
    message     bigint not null,
    generation  integer not null,
    payload     bytea not null,
    replaced_at timestamptz not null default now(),
    primary key (message, generation)
);
alter table outbox.intervention drop constraint intervention_action_check;
alter table outbox.intervention add constraint intervention_action_check check (action in ('retry', 'discard', 'edit', 'read'));
alter table outbox.control drop constraint control_action_check;
alter table outbox.control add constraint control_action_check check (action in ('pause', 'resume', 'trip', 'reset', 'retries_off', 'retries_on'));
alter table outbox.breaker
    add column retries_off_by     text,
    add column retries_off_reason text,
    add column retries_off_at     timestamptz;  -- null: failed messages are tried again
