-- What left for an authority, to the byte, once for each X-Road message: of SOAP
-- the envelope, of REST the body with method, path and header fields.
-- request_hash is what the Security Server signs of a SOAP message. Personal
-- data; pruned with the question.
create table consultation.sent (
    leg_id       uuid        not null references consultation.leg (id),
    message_id   text        not null,
    sent_at      timestamptz not null,
    service      text        not null,
    method       text,
    path         text,
    header       jsonb,
    content      bytea       not null,
    sha256       bytea       not null,
    request_hash text,
    primary key (leg_id, message_id)
);
