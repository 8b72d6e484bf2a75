-- What a file holds lies in the configured directory, under its SHA-256, and not
-- in chunks.
alter table consultation.file add column in_directory boolean not null default false;
