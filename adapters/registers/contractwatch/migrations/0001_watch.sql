-- What came of comparing each register's live description with the pinned one.
create schema contract_watch;

create table contract_watch.register (
    register     text        primary key, -- its name in the configuration
    tried_at     timestamptz not null,
    error        text        not null,    -- why the last comparison could not be made; empty when it could
    -- Of the last comparison; seen_at is null and verdict empty before the first.
    seen_at      timestamptz,
    verdict      text        not null check (verdict in ('', 'same', 'harmless', 'breaking')),
    since        timestamptz,             -- when the verdict became what it is
    fingerprint  text        not null,    -- of the verdict and the differences that break
    pinned_hash  text        not null,    -- SHA-256 of the descriptions, hexadecimal
    live_hash    text        not null,
    breaking     integer     not null,    -- how many differences break something that is used
    harmless     integer     not null,
    differences  jsonb       not null,    -- those that break first; bounded
    -- Who has taken note, of which fingerprint.
    acknowledged             text        not null default '',
    acknowledged_at          timestamptz,
    acknowledged_by          text        not null default '',
    acknowledged_reason      text        not null default ''
);
