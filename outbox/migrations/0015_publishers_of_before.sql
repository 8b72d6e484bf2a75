-- Publishers of the version before 0007 lock the row of a lane, those since then a lock that is no row. So that both keep
-- the order of a lane while old and new programs run beside each other, whoever makes or locks a lane's row as a publisher
-- takes the other lock too. Programs since then do so no more: by_relay says that the row is a relay's, or a person's, who
-- must wait for no publisher.
alter table outbox.lane add column by_relay boolean not null default false;

-- The key of the lock of a destination, or of one of its lanes, as programs work it out: FNV-1a with 64 bits.
create function outbox.lock_key(variadic names text[]) returns bigint language plpgsql immutable strict parallel safe as $$
declare
    bytes bytea := convert_to('outbox publish', 'UTF8');
    h numeric := 14695981039346656037;
    name text;
    low integer;
begin
    foreach name in array names loop
        bytes := bytes || '\x00'::bytea || convert_to(name, 'UTF8');
    end loop;
    for i in 0 .. length(bytes) - 1 loop
        low := mod(h, 256)::integer;
        h := mod((h - low + (low # get_byte(bytes, i))) * 1099511628211, 18446744073709551616);
    end loop;
    return case when h >= 9223372036854775808 then h - 18446744073709551616 else h end;
end $$;

create function outbox.lock_as_publisher() returns trigger language plpgsql as $$
begin
    perform pg_advisory_xact_lock_shared(outbox.lock_key(new.destination)), pg_advisory_xact_lock(outbox.lock_key(new.destination, new.key));
    return new;
end $$;
create trigger lane_of_publisher before insert on outbox.lane for each row when (not new.by_relay) execute function outbox.lock_as_publisher();
