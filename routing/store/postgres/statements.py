"""What is written, in PostgreSQL's words. Each names the columns that it means: a later version may have more."""

from collections.abc import Iterable, Sequence
from typing import Final

from routing.rows import (
    ADOPTED,
    AttemptRow,
    AuditRow,
    CallRow,
    Delivery,
    DoNotCallRow,
    JournalRow,
    LegRow,
    PauseRow,
    Record,
    StandingAlarm,
    TaskRow,
    Ticket,
    TicketComment,
    TokenRow,
    UserRow,
)
from routing.store.postgres.change_log import CHANNEL, PRUNED


def columns(fields: Iterable[str]) -> str:
    """Return fields as a list of columns."""
    return ", ".join(f'"{name}"' for name in fields)


def _insert(table: str, fields: Sequence[str]) -> str:
    return f"INSERT INTO {table} ({columns(fields)}) VALUES ({', '.join(['%s'] * len(fields))})"


def _upsert(table: str, fields: Sequence[str], key: int = 1, fixed: Sequence[str] = (), **values: str) -> str:
    """Return a statement that inserts a row, or changes the one with the key in the first fields.

    `fixed`: what never changes. `values`: expressions in place of the value that comes, where the row is there.
    """
    later = ", ".join(f'"{name}"=' + values.get(name, f'excluded."{name}"') for name in fields[key:]
                      if name not in fixed)
    return f"{_insert(table, fields)} ON CONFLICT ({columns(fields[:key])}) DO UPDATE SET {later}"


_KNOWN_LATER: Final = ("agent", "evidence", "reason", "answered_at", "session_s", "ended_at", "cause", "ended_by",
                       "talk_s", "judged", "attempt", "task")
"""Columns of a call that become known after it began."""

_END: Final = ("ended_at", "cause", "ended_by", "talk_s", "judged")
"""Those that say how it ended: nobody takes that back."""
_ENDS_IT: Final = ("(calls.ended_at IS NULL OR calls.ended_by='lost' AND excluded.ended_at IS NOT NULL "
                   "AND excluded.ended_by<>'lost')")
"""Of two nodes that tell how a call ended the first one knows, unless it only missed the signs of life."""
_TALK: Final = ("CASE WHEN {end}.answered_at IS NULL AND {other}.answered_at IS NOT NULL "
                "OR {other}.answered_at<{end}.answered_at "
                "THEN greatest(0, {end}.ended_at-{other}.answered_at) ELSE {end}.talk_s END")
"""By who ended it, or from when the other one saw it answered."""
_BY_SEVERAL: Final = {
    **{name: f'coalesce(excluded."{name}", calls."{name}")' for name in ("agent", "evidence", "session_s")},
    "answered_at": "least(calls.answered_at, excluded.answered_at)",
    **{name: f"CASE WHEN {_ENDS_IT} THEN excluded.{name} ELSE calls.{name} END"
       for name in _END},
    "talk_s": f"CASE WHEN {_ENDS_IT} THEN {_TALK.format(end='excluded', other='calls')} "
              f"ELSE {_TALK.format(end='calls', other='excluded')} END",
}
"""What a call comes to of which several nodes tell, whoever is the first to."""


def _call_column(name: str) -> str:
    """Return what a call has in a column after another state of it was put."""
    if name in ("attempt", "task"):
        return f'coalesce(excluded."{name}", calls."{name}")'
    if name == "reason":
        return f"CASE WHEN excluded.reason='{ADOPTED}' THEN calls.reason ELSE excluded.reason END"
    if name not in _KNOWN_LATER:  # whoever found it under way knows less of how it began
        return (f"CASE WHEN calls.reason='{ADOPTED}' AND excluded.reason<>'{ADOPTED}' "
                f'THEN coalesce(excluded."{name}", calls."{name}") '
                f'ELSE coalesce(calls."{name}", excluded."{name}") END')
    kept = f'calls."{name}"' if name in _END else f'excluded."{name}"'
    return (f"CASE WHEN calls.writer<>excluded.writer THEN {_BY_SEVERAL[name]} "
            f'WHEN calls.ended_at IS NOT NULL AND excluded.ended_at IS NULL THEN {kept} ELSE excluded."{name}" END')


PUT_CALL: Final = _upsert(
    "calls", (*CallRow._fields, "writer"), 1, (),
    writer="CASE WHEN calls.writer=excluded.writer THEN calls.writer ELSE '*' END",
    **{name: _call_column(name) for name in CallRow._fields[1:]}).replace("%s", "${}").format(
        *range(1, len(CallRow._fields) + 2))
"""A call, and the node that puts it. Of one that several have told of nobody is the writer (`*`). In the server's own
words for its values ($1), for `psycopg.RawCursor`: a text of this length is read anew each time where it has others."""
PUT_RECORD: Final = (f"{_upsert('direct', Record._fields, 2)} WHERE (excluded.touched_at, excluded.expires_at)"
                     ">=(direct.touched_at, direct.expires_at)")
"""The one that was touched last stays: a node may come back with what it knew hours ago."""
REMOVE_RECORD: Final = "DELETE FROM direct WHERE customer=%s AND agent=%s AND touched_at<=%s"
TELL_OF: Final = "INSERT INTO changes (node, kind, key) VALUES ('', %s, %s)"
"""Everybody takes a row as it stands: also whoever wanted it otherwise, because of what they had not seen yet."""
PUT_PAUSE: Final = f"{_upsert('pauses', PauseRow._fields)} WHERE excluded.since>=pauses.since"
DROP_PAUSE: Final = "DELETE FROM pauses WHERE agent=%s"
PUT_ALARM: Final = _upsert("alarms", StandingAlarm._fields)
DROP_ALARM: Final = "DELETE FROM alarms WHERE name=%s"
PUT_USER: Final = _upsert("users", UserRow._fields, 1, ("created_at",))
PUT_TOKEN: Final = _upsert("tokens", TokenRow._fields, 1, [name for name in TokenRow._fields if name != "revoked_at"])
PUT_AUDIT: Final = f"{_insert('audit', AuditRow._fields)} ON CONFLICT DO NOTHING"
PUT_POLICY: Final = _insert("policy", ("version", "saved_at", "text", "saved_by"))

PUT_EVENT: Final = _insert("outbox", ("seq", "id", "time", "kind", "data", "node", "form"))
DROP_EVENTS: Final = "DELETE FROM outbox WHERE node=%s AND seq<=%s"
DROP_OLDEST_EVENTS: Final = (
    "DELETE FROM outbox WHERE seq IN (SELECT seq FROM outbox WHERE node=%s ORDER BY seq LIMIT %s)")
COUNT_EVENTS: Final = "SELECT count(*) FROM outbox WHERE node=%s"

TAKE_NUMBERS: Final = "UPDATE numbers SET last=last+%s WHERE name=%s RETURNING last"
"""How many, and of what; the last of them. Whoever else wants some waits for the commit: they are in its order."""
RAISE_NUMBER: Final = "UPDATE numbers SET last=%s WHERE name=%s AND last<%s"

# Callbacks

_LIVE: Final = "('open', 'held')"
PUT_TASK: Final = _upsert("tasks", TaskRow._fields)
NEW_TASK: Final = f"{_insert('tasks', TaskRow._fields)} ON CONFLICT DO NOTHING RETURNING 1"
CHANGE_TASK: Final = (
    "UPDATE tasks SET " + ", ".join(f'"{name}"=%({name})s' for name in TaskRow._fields[1:])
    + " WHERE id=%(id)s AND (changed_by=%(changed_by)s OR (version=%(base)s AND changed_by=%(base_by)s)) "
    f"AND NOT (%(state)s IN {_LIVE} AND EXISTS (SELECT 1 FROM tasks AS other WHERE other.customer=%(customer)s "
    f'AND other."group"=%(group)s AND other.state IN {_LIVE} AND other.id<>%(id)s)) RETURNING 1'
)
"""Where this node has changed it last, or nobody since the base, and its customer and group have no other open one."""
TASK_IS_THERE: Final = "SELECT 1 FROM tasks WHERE id=%s"
PUT_ATTEMPT: Final = _upsert(
    "attempts", AttemptRow._fields, 1, ("epoch",),
    engages="CASE WHEN excluded.ended_at IS NULL AND EXISTS (SELECT 1 FROM attempts AS other "
            "WHERE other.engages=excluded.engages AND other.ended_at IS NULL AND other.id<>excluded.id) "
            "THEN NULL ELSE excluded.engages END") + " WHERE attempts.ended_at IS NULL OR excluded.ended_at IS NOT NULL"
"""An attempt that finds its agent only now, while one of another node rings them, engages nobody; its row stands. One
that has ended does not begin again: another node has closed it, whose own was taken for dead."""
END_ATTEMPT: Final = "UPDATE attempts SET step=%s, ended_at=%s, result=%s WHERE id=%s AND ended_at IS NULL"
PUT_LEG: Final = _upsert("legs", LegRow._fields, 1, ("node", "epoch"))
DROP_LEG: Final = "DELETE FROM legs WHERE call=%s"
PUT_JOURNAL: Final = _insert("journal", JournalRow._fields)
TICKET_NUMBERS: Final = "SELECT id, number FROM tickets WHERE id=ANY(%s)"
PUT_TICKET: Final = _upsert("tickets", Ticket._fields, 1, ("number",))
PUT_COMMENT: Final = _upsert("comments", TicketComment._fields)
PUT_DELIVERY: Final = _upsert("deliveries", (*Delivery._fields, "node"), 1, ("node",))
PUT_DO_NOT_CALL: Final = (
    f"{_upsert('do_not_call', DoNotCallRow._fields)} WHERE excluded.added_at>=do_not_call.added_at")
DROP_DO_NOT_CALL: Final = "DELETE FROM do_not_call WHERE customer=%s"
COUNT_OFFERS: Final = _upsert("offers", ("quarter", "group", "number", "made"), 3, made="offers.made+excluded.made")

_CLOCK: Final = "clock AS MATERIALIZED (SELECT extract(epoch FROM clock_timestamp())::float8 AS now)"
_NOW: Final = "(SELECT now FROM clock)"


def _dialled(seconds: int) -> str:
    """Return how many attempts have dialled within so many seconds: one by one where these begin within a slot."""
    since = f"{_NOW}-{seconds}"
    first = f"ceil(({since})/900)*900"
    return (f"(SELECT coalesce(sum(made), 0) FROM dialled WHERE slot>={first}) "
            f"+ (SELECT count(*) FROM attempts WHERE dialled_at>{since} AND dialled_at<{first})")


def _dialled_one(seconds: int, limit: str) -> str:
    """Return how many attempts have dialled this customer within so many seconds; none is counted beyond the limit."""
    return ("(SELECT count(*) FROM (SELECT 1 FROM attempts WHERE customer=%(customer)s "
            f"AND dialled_at>{_NOW}-{seconds} LIMIT %({limit})s) AS dialled)")


_RUNNING: Final = (
    "coming AS MATERIALIZED (SELECT count(*) AS made FROM attempts WHERE ended_at IS NULL AND dialled_at IS NULL)"
)
"""Those that run and have dialled nobody yet: they will."""
_COMING: Final = "(SELECT made FROM coming)"
_SPARE: Final = "(SELECT count(*)+1 FROM nodes)*%(spare)s"
"""What all nodes may be about to begin where nobody waits for another's commit; `spare`: what one may."""
_FAR: Final = (f"{_dialled(3600)} + {_COMING} + {_SPARE}<%(all_per_hour)s "
               f"AND {_dialled(86_400)} + {_COMING} + {_SPARE}<%(all_per_day)s")
_WITHIN_CAPS: Final = (
    f"{_dialled_one(3600, 'number_per_hour')}<%(number_per_hour)s "
    f"AND {_dialled_one(86_400, 'number_per_day')}<%(number_per_day)s "
    f"AND {_FAR} AND (%(trunk_legs)s=0 "
    "OR (SELECT count(*) FROM attempts WHERE ended_at IS NULL AND trunk=%(trunk)s)<%(trunk_legs)s)"
)
"""Whether one attempt more keeps within the caps."""
_HELD: Final = (
    "held AS (SELECT 1 FROM leases WHERE name=%(lease)s AND epoch=%(lease_epoch)s AND holder=%(holder)s "
    f"AND until>{_NOW} FOR SHARE)"
)
"""A lease, where it is this node's by the server's clock; nobody else gets it before the transaction is over."""
_CLAIM: Final = (
    f"INSERT INTO attempts ({columns((*AttemptRow._fields, 'trunk'))}) "
    f"SELECT {', '.join(f'%({name})s' for name in (*AttemptRow._fields, 'trunk'))} WHERE {{}}"
    "EXISTS (SELECT 1 FROM tasks WHERE id=%(task)s AND state='open') "
    "AND NOT EXISTS (SELECT 1 FROM attempts WHERE ended_at IS NULL AND customer=%(customer)s) "
    "AND NOT EXISTS (SELECT 1 FROM attempts WHERE ended_at IS NULL AND task=%(task)s) "
    "AND NOT EXISTS (SELECT 1 FROM attempts WHERE ended_at IS NULL AND engages=%(engages)s) "
    "AND NOT EXISTS (SELECT 1 FROM do_not_call WHERE customer=%(customer)s) "
    "AND %(serial)s=(SELECT coalesce(max(serial), 0) + 1 FROM attempts WHERE task=%(task)s) RETURNING 1"
)
_LEASED: Final = "EXISTS (SELECT 1 FROM held) AND "
CLAIMS: Final[dict[tuple[bool, bool], str]] = {
    (False, False): _CLAIM.format(""),
    (True, False): f"WITH {_CLOCK}, {_RUNNING} {_CLAIM.format(f'{_WITHIN_CAPS} AND ')}",
    (False, True): f"WITH {_CLOCK}, {_HELD} {_CLAIM.format(_LEASED)}",
    (True, True): f"WITH {_CLOCK}, {_RUNNING}, {_HELD} {_CLAIM.format(f'{_LEASED}{_WITHIN_CAPS} AND ')}",
}
"""Begin an attempt, by whether it has caps to keep within, and a lease that it needs."""
IS_FAR: Final = f"WITH {_CLOCK}, {_RUNNING} SELECT 1 WHERE {_FAR}"
"""Whether so many attempts more as all may begin at once keep within what is dialled by all."""

# Whose turn it is

ALL_CUSTOMERS: Final = 7_036_874_417_002
"""The advisory lock that whoever locks customers one by one shares, and whoever locks all of them has alone."""
BEGIN: Final = "BEGIN ISOLATION LEVEL READ COMMITTED"
"""Each statement sees what was committed before it, not before the transaction: what a lock was waited for."""
DIALLED: Final = 7_036_874_417_003
"""The advisory lock of what is dialled by all: see `session.Counting`."""
OPEN: Final = "SELECT set_config('synchronous_commit', '{}', true), {}({}){}"
"""How a transaction begins: what it outlives, whether it shares the lock of all customers, and how it counts."""
TELL: Final = f"SELECT pg_notify('{CHANNEL}', %s)"
"""Wakes who reads changes. After the commit: one that tells lets no other commit pass before it is on the disk."""
LOCK: Final = (
    "SELECT pg_advisory_xact_lock(key) FROM (SELECT DISTINCT hashtextextended(name, 0) AS key "
    "FROM unnest(%s::text[]) AS name ORDER BY key) AS keys"
)
"""In one order everywhere, so that no two batches wait for each other."""

# Changes

PRUNE_CHANGES: Final = (
    "WITH first AS (SELECT xid, seq, at FROM changes WHERE xid<pg_snapshot_xmin(pg_current_snapshot()) "
    "ORDER BY xid, seq LIMIT 5000), "
    "old AS (SELECT c.xid, c.seq FROM changes AS c JOIN first USING (xid, seq) "
    "WHERE first.at<extract(epoch FROM now())-%s FOR UPDATE OF c SKIP LOCKED), "
    "gone AS (DELETE FROM changes AS c USING old WHERE c.xid=old.xid AND c.seq=old.seq RETURNING c.xid), "
    "last AS (SELECT max(xid::text::bigint) AS xid FROM gone), "
    f"said AS (UPDATE numbers SET last=last.xid FROM last WHERE name='{PRUNED}' AND last.xid IS NOT NULL "
    "AND (numbers.last<last.xid OR numbers.last>=pg_snapshot_xmin(pg_current_snapshot())::text::bigint)) "
    "SELECT 1 FROM gone"
)
"""Says up to where, in the same transaction. Never beyond what is under way yet: what a server had in its log whose
transactions were numbered otherwise (a dump of it was read in here) says nothing of where this one is."""

# Nodes

NODE: Final = "SELECT epoch, commits, slot FROM nodes WHERE name=%s FOR UPDATE"
"""Waits for a transaction of this node that is still on its way, on whatever connection."""
PUT_NODE: Final = _upsert("nodes", ("name", "epoch", "started_at", "commits"))
TAKING_SLOT: Final = "SELECT pg_advisory_xact_lock(7036874417003)"
"""One at a time."""
TAKE_SLOT: Final = (
    "UPDATE nodes SET slot=(SELECT min(free) FROM generate_series(0, %s) AS free "
    "WHERE NOT EXISTS (SELECT 1 FROM nodes AS other WHERE other.slot=free)) WHERE name=%s RETURNING slot"
)
"""The first that is free; NULL: none is."""
SHARED_UPTO: Final = "SELECT shared FROM nodes WHERE name=%s"
SHARE_UPTO: Final = "UPDATE nodes SET shared=%s WHERE name=%s"
COUNT_COMMIT: Final = "UPDATE nodes SET commits=%s WHERE name=%s AND epoch=%s RETURNING 1"
OTHERS: Final = "SELECT name, epoch, commits FROM nodes WHERE name<>%s ORDER BY name"
