"""The company that is played: its agents, groups and numbers, who calls it, and its policy."""

from typing import Final, NamedTuple

from routing.rows import UserRole

ZONE: Final = "Europe/Budapest"
NODE: Final = "demo"
TRUNK, PBX = "carrier", "office"

SALES, SERVICE = "sales", "service"
SALES_DESK: Final = "+3614445555"
"""Whoever hangs up before an agent has them is called back."""
SERVICE_LINE: Final = "+3614446666"
"""Callers may ask for a callback while they wait."""
ANNAS_NUMBER: Final = "+3614445599"
"""Anna's own number."""
NUMBERS: Final = {SALES: SALES_DESK, SERVICE: SERVICE_LINE}

WINBACK, LETTERS, SPRING = "10001", "10002", "10003"
"""The campaigns: one that runs, one that opens tickets, one that is over."""


class Person(NamedTuple):
    """An agent of the company."""

    extension: str
    name: str
    group: str


PEOPLE: Final = (
    Person("201", "Anna Kovács", SALES), Person("202", "Ben Szabó", SALES), Person("203", "Csilla Nagy", SALES),
    Person("204", "Dávid Tóth", SERVICE), Person("205", "Éva Horváth", SERVICE), Person("206", "Ferenc Varga", SERVICE),
)


def agents_of(group: str) -> tuple[str, ...]:
    """Return the extensions of a group."""
    return tuple(person.extension for person in PEOPLE if person.group == group)


class LogIn(NamedTuple):
    """Somebody who may look at the company's console."""

    name: str
    role: UserRole
    groups: frozenset[str] | None
    agent: str | None


LOG_INS: Final = (LogIn("olga", "admin", None, None), LogIn("sara", "supervisor", frozenset((SALES,)), None),
                  LogIn("anna", "agent", None, "201"))
"""One of each role."""

CUSTOMERS: Final = tuple(f"+3620{4_441_000 + 37 * number:07d}" for number in range(240))
"""Who calls, and is called."""
DO_NOT_CALL: Final = (
    (CUSTOMERS[11], "asked for it on the phone"), (CUSTOMERS[42], "asked for it by letter"),
    (CUSTOMERS[97], "belongs to a competitor"), (CUSTOMERS[180], "wrong number, a fire station"),
)
"""Numbers that are never called back, and why."""

POLICY: Final = """\
region = "HU"
timezone = "Europe/Budapest"

[direct_callback]
type = 2
expires_after = "8h"
ring_for = "10s"
min_talk = "3s"

[callback]
min_talk = "3s"
agent_ring_for = "15s"
customer_ring_for = "20s"
retry_busy = "1m"
wrap_up = "12s"

[tickets]
enabled = true

[guard]
countries = ["HU"]

[agent.201]
name = "Anna Kovács"
direct_callback = { type = 3 }

[agent.202]
name = "Ben Szabó"

[agent.203]
name = "Csilla Nagy"

[agent.204]
name = "Dávid Tóth"

[agent.205]
name = "Éva Horváth"

[agent.206]
name = "Ferenc Varga"

[number."+3614445555"]
kind = "shared"
group = "sales"

[number."+3614446666"]
kind = "shared"
group = "service"

[number."+3614446666".queue_callback]
enabled = true
offer_after = "3s"

[number."+3614445599"]
kind = "direct"
group = "sales"
agent = "201"

[group.sales]
target = "600"
agents = ["201", "202", "203"]
missed_callback = { enabled = true, window = "24h", attempts = 6, responsible = "last_talk", responsible_wait = "1m" }

[group.service]
target = "601"
agents = ["204", "205", "206"]
hours = ["mon-sun 00:00-24:00"]
missed_callback = { enabled = true, window = "48h", attempts = 4 }

[group.service.callback]
preview = "6s"
record = true

[group.service.tickets]
on_start = true

[campaign.10001]
name = "Left the sales queue"
group = "sales"
add_after = "10s"
delay = "20s"
retries = 2
retry_after = "5m"
agents_share = 50
order = "newest"
preview = "5s"
priority = "agents_free"
wrap_up = "15s"

[campaign.10002]
name = "Call by hand"
group = "service"
rank = 2
add_key = "9"
as_ticket = true
ticket_subject = "Call %number% by hand"

[campaign.10003]
name = "Spring offer"
group = "sales"
rank = 3
from = "2026-03-01"
to = "2026-05-31"
hours = ["mon-fri 08:00-17:00"]
"""
"""What applies there. Nobody waits long: it is played."""
