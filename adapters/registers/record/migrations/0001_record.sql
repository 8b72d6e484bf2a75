-- Which exchanges with registers there were: metadata only, never a body. Rows
-- are written once and not changed; what became of an exchange is a row beside
-- it. An exchange without one was under way when the process ended: its result
-- is unknown.
create schema register;

create table register.exchange (
    message_id   text        primary key, -- the X-Road id, by which the evidence is found
    sent_at      timestamptz not null,
    register     text        not null,
    operation    text        not null,
    service      text        not null,    -- INSTANCE/CLASS/MEMBER/SUBSYSTEM/CODE[/VERSION]
    caller       text        not null,    -- the name of the caller's token, empty without tokens
    user_id      text        not null,
    issue        text        not null,
    request_hash text        not null     -- SHA-512 of the SOAP part as sent, base64; empty for REST
);

create index exchange_by_time on register.exchange (sent_at);

create table register.exchange_result (
    message_id  text        primary key,
    ended_at    timestamptz not null,
    result      text        not null,     -- "answered", or the kind of failure
    code        text        not null,     -- of the failure
    stated_hash text        not null,     -- the request hash that the answer states
    request_id  text        not null      -- the x-road-request-id of a REST answer
);
