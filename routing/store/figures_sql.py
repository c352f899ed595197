"""What happened in a stretch of time, counted by group, number of ours, campaign and agent.

By name: `since` and `before`, seconds since the epoch, and `first` and `last`, the smallest ids of these moments. What
is counted is what `callback_sql` counts of today, by the same moments: a promise when it is made, a dial when it is
dialled, an end when it is over.
"""

from typing import Final

from routing.store.callback_sql import UNPROMISED

_OF_TASK: Final = 't."group", t.number, t.campaign'

OFFERED: Final = (
    """SELECT "group", nullif(number, ''), NULL, NULL, sum(made) FROM offers WHERE quarter>=:since """
    "AND quarter<:before GROUP BY 1, 2"
)
PROMISED: Final = (
    f"SELECT {_OF_TASK}, NULL, count(*), sum(t.kind='queue') FROM tasks AS t WHERE t.id>=:first AND t.id<:last "
    f"AND t.created_at>=:since AND t.created_at<:before AND NOT {UNPROMISED} GROUP BY 1, 2, 3"
)
DIALLED: Final = (
    f"SELECT {_OF_TASK}, a.agent, count(*) FROM attempts AS a JOIN tasks AS t ON t.id=a.task "
    "WHERE a.customer_at>=:since AND a.customer_at<:before GROUP BY 1, 2, 3, 4"
)
ENDED: Final = (
    f"SELECT {_OF_TASK}, NULL, t.state, t.reason, count(*) FROM tasks AS t WHERE t.ended_at>=:since "
    f"AND t.ended_at<:before AND NOT {UNPROMISED} GROUP BY 1, 2, 3, 5, 6"
)
KEPT: Final = (
    f"SELECT {_OF_TASK}, t.who, max(0.0, t.at-iif(t.kind='queue', t.created_at, t.missed_at)), t.at<=t.expires_at "
    "FROM (SELECT t.*, a.agent AS who, max(coalesce(a.answered_at, t.ended_at)) AS at FROM tasks AS t "
    "JOIN attempts AS a ON a.task=t.id WHERE t.ended_at>=:since AND t.ended_at<:before AND +t.state='done' "
    "AND t.reason='talked' AND (a.step='talked' OR a.result IN ('talked', 'glare')) GROUP BY +t.id) AS t"
)
"""A row each. Of the attempts of a task the one that was answered last is the one that kept it. The signs keep SQLite
from reading every task there is."""
_SAID: Final = (
    f"SELECT {_OF_TASK}, j.agent, count(*) FROM journal AS j JOIN tasks AS t ON t.id=j.task "
    "WHERE j.kind='{kind}' AND j.at>=:since AND j.at<:before GROUP BY 1, 2, 3, 4"
)
DECLINED: Final = _SAID.format(kind="declined")
RELEASED: Final = _SAID.format(kind="released")
TICKETS: Final = (
    'SELECT coalesce(k."group", t."group"), t.number, t.campaign, k.agent, count(*) FROM tickets AS k '
    "LEFT JOIN tasks AS t ON t.id=k.task WHERE k.number>0 AND k.id>=:first AND k.id<:last GROUP BY 1, 2, 3, 4"
)
CALLS: Final = (
    """SELECT "group", number, NULL, iif(reason='direct', tried, NULL), """
    "coalesce(sum(judged='missed' OR (judged IS NULL AND answered_at IS NULL AND ended_by='caller' AND cause=487)), 0)"
    ", sum(reason='direct') FROM calls WHERE id>=:first AND id<:last AND direction='inbound' "
    "AND reason NOT IN ('callback', 'in_queue', 'on_behalf') GROUP BY 1, 2, 4"
)
"""Missed, and sent to an agent by direct callback. Calls that were not judged yet when they ended are taken for missed
where their caller hung up before the answer. Of a call that is under way nobody knows yet."""
