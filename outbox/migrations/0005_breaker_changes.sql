-- A breaker looks at its own last changes before it changes again.
create index breaker_change_destination on outbox.breaker_change (destination, id);
