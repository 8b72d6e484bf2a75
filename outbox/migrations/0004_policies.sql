-- Since when a message is tried, where a person has let it go again; null: since it was published. Until when a
-- destination is outside its opening hours, as a relay has seen it.
alter table outbox.pending add column renewed_at timestamptz;
alter table outbox.breaker add column shut_until timestamptz;
