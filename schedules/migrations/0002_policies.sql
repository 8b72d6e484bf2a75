-- What becomes of due times that pass while the job runs, how far back missed
-- ones count, how starts are spread, and when a late start is an alarm. A
-- program of the version before goes on working: it writes none of this.
alter table schedules.schedule
	add column overlap         text     not null default 'queue' check (overlap in ('queue', 'skip', 'cancel')),
	add column catch_up_within interval not null default '0',  -- 0: without end
	add column jitter          interval not null default '0',
	add column grace           interval not null default '0',  -- 0: no alarm
	add column paused_reason   text     not null default '';

alter table schedules.run
	-- When the run began by the schedules' clock, which tests and the sandbox move; started_at is the database's.
	add column begun_at      timestamptz,
	add column done          bigint,
	add column total         bigint,
	-- Who wants the run to stop, and why; its process reads it.
	add column cancel_by     text,
	add column cancel_reason text not null default '',
	drop constraint run_trigger_check,
	drop constraint run_state_check,
	drop constraint run_check1,
	add constraint run_trigger_check check (trigger in ('cron', 'manual', 'backfill')),
	add constraint run_state_check check (state in ('waiting', 'running', 'succeeded', 'failed', 'skipped', 'cancelled')),
	add constraint run_finished_check check ((state in ('waiting', 'running')) = (finished_at is null));

-- Due times that nothing had begun for when their grace was over: one row for
-- each time that a job stood still, written by whoever notices first.
create table schedules.missed (
	schedule   text        not null references schedules.schedule (name),
	due        timestamptz not null,
	noticed_at timestamptz not null default clock_timestamp(),
	primary key (schedule, due)
);
