create schema schedules;

create table schedules.schedule (
	name       text        primary key,
	cron       text        not null,
	zone       text        not null,
	catch_up   text        not null check (catch_up in ('none', 'last', 'all')),
	-- Due times after this moment count: when the schedule was first seen, got
	-- another expression, or was resumed.
	since      timestamptz not null,
	cursor     jsonb,
	-- Grows with every claim. Who holds an older number has lost the job.
	fence      bigint      not null default 0,
	paused_at  timestamptz,
	paused_by  text,
	check ((paused_at is null) = (paused_by is null))
);

-- One row for each due time: whoever writes it runs it.
create table schedules.run (
	schedule     text        not null references schedules.schedule (name),
	due          timestamptz not null,
	trigger      text        not null check (trigger in ('cron', 'manual')),
	requested_by text,
	state        text        not null check (state in ('waiting', 'running', 'succeeded', 'failed')),
	owner        text,
	lease_until  timestamptz,
	fence        bigint      not null default 0,
	attempt      integer     not null default 0,
	started_at   timestamptz,
	finished_at  timestamptz,
	summary      jsonb,
	error        text,
	primary key (schedule, due),
	check ((state = 'running') = (owner is not null and lease_until is not null)),
	check ((state in ('succeeded', 'failed')) = (finished_at is not null)),
	check ((state = 'failed') = (error is not null))
);

-- A job never overlaps itself.
create unique index run_running on schedules.run (schedule) where state = 'running';
create index run_waiting on schedules.run (schedule, due) where state = 'waiting';
create index run_cron on schedules.run (schedule, due) where trigger = 'cron';
