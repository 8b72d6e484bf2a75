-- What a destination is reached through, by the name of its own row; null: nothing shared.
alter table outbox.breaker add column gateway text;
