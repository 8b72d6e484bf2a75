// Package outbox delivers messages durably from PostgreSQL, and keeps the record of events that consumers read.
//
// # Messages
//
// [Publish] stores messages in the caller's transaction: the change and the message about it commit together or
// not at all. A [Relay] sends them, at least once, in order within a lane (destination + lane key), with retries,
// a breaker per destination and dead letters that wait for a person. Nothing is ever dropped silently.
//
// message is the log: one row per message, with its payload, written when it is published and again only when it dies. One
// relay at a time owns a destination (feed), reads its log in order (feed_position) and notes what it has taken (held).
// Messages that are delivered at once need no more than that and a row in attempt, the append-only record of every send.
//
// What cannot be sent at once, or fails, has rows in two more tables: pending is the narrow list of such messages, ordered
// per lane; lane has one row per lane with something pending: who holds it, until when, and when its head may be sent.
// The invariant is: lane.ready_at is the due time of the lane's head (its lowest pending id), unless somebody holds the
// lane; a dead head that blocks its lane is due at infinity; a lane with nothing pending has no row. Every change of a
// lane's pending messages happens under the lock of the lane's row. A message that is ready was delivered if it has an
// attempt and is not pending.
//
// Any number of processes may run relays on one database; the others take over when an owner stops or falls silent. Taking
// and claiming are short transactions that give the holder a lease and a fencing number; sending holds no transaction; the
// outcome is recorded only if the fencing number is still the destination's, or the lane's, own, so that a worker which
// wakes up after its lease has been given away changes nothing. The database's clock decides everything that is due or
// expires.
//
// Locks are taken in one order: the caller's own rows, then event subjects ([Append]), then lanes ([Publish]).
// A caller that keeps this order cannot deadlock with the relay, which runs [Outcome].Apply before it locks the lane.
//
// # Events
//
// [Append] records events in the caller's transaction; [Events] reads them by position. See [Append] for the order.
package outbox
