"""A company whose people and tickets have names that were meant to do harm: every page shows them as text."""

import random
import time
from collections.abc import Iterator
from typing import Final

from proxy.demo.company.house import CUSTOMERS, POLICY, SERVICE
from proxy.demo.company.past import Past
from routing.ids import Names
from routing.rows import DoNotCallRow, Ticket, TicketComment
from routing.writes import Unit

TAKEN: Final = "taken over"
"""What a page is called once a name has done harm in it."""
SCRIPT: Final = f"<script>document.title='{TAKEN}'</script>"
IMAGE: Final = f"\"'><img src=x onerror=\"document.title='{TAKEN}'\">"
TEMPLATE: Final = "{{ 7 * 7 }}${7*7}%(name)s"
BACKWARDS: Final = "\u202eanimo\u05d0\u05d1\u05d2"
LONG: Final = "Ű" * 10_000

NAMES: Final = {"Anna Kovács": SCRIPT, "Ben Szabó": IMAGE, "Csilla Nagy": BACKWARDS, "Dávid Tóth": TEMPLATE,
                "Left the sales queue": SCRIPT, "Call by hand": IMAGE, "Spring offer": BACKWARDS}
"""Whose names are changed in the policy, and into what."""


def policy() -> str:
    """Return the played company's policy with these names."""
    text = POLICY
    for name, other in NAMES.items():
        assert f'"{name}"' in text, name
        quoted = other.replace("\\", "\\\\").replace('"', '\\"')
        text = text.replace(f'"{name}"', f'"{quoted}"')
    return text


def past() -> Iterator[Unit]:
    """Tell three days of the played company, and of tickets and numbers with such texts."""
    now = time.time()
    yield from Past(random.Random(7)).days(now, 3, 60)
    names = Names(random.Random(8).randbytes)
    for number, text in enumerate((SCRIPT, IMAGE, TEMPLATE, BACKWARDS, LONG)):
        at = now - 900 + number
        ticket = Ticket(names.new(at), 0, None, CUSTOMERS[number], SERVICE, None, text[:250], "open", at, None)
        comment = TicketComment(names.new(at), ticket.id, at, text[:80], text, False)
        yield Unit((ticket, comment, DoNotCallRow(f"+362044999{number:02d}", at, text)))
