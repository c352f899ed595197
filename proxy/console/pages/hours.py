"""Hours and holidays: of each group, whether it is open now, and when it opens next."""

import time
from datetime import datetime, timedelta
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Response
from markupsafe import Markup

from proxy.console.asking import Asked, Asking
from proxy.console.drawing.week import draw_week
from proxy.console.forms.form import Filled
from proxy.console.forms.shown import show
from proxy.console.forms.things import hours_form
from proxy.console.pages.setup import said_of
from proxy.console.pages.typed import typed_of
from proxy.console.policy_pages import OK, Again, Kept, known_to, may_of, policy_of, save, want
from proxy.console.rendering import forward, page
from proxy.console.words import mark as _
from routing.callbacks.schedule import PublicHolidays, open_time_for

router = APIRouter()
DAYS_AHEAD: Final = 366
"""Days of which holidays are named."""
HOLIDAYS: Final = 12

WEEK: Final = (_("Monday"), _("Tuesday"), _("Wednesday"), _("Thursday"), _("Friday"), _("Saturday"), _("Sunday"))


class OpenState(NamedTuple):
    """How a group stands by its hours. Moments are seconds since the epoch."""

    group: str
    zone: ZoneInfo
    always: bool
    is_open: bool
    opens: float | None
    """Next, where it is closed."""
    closes: float | None
    """Next, where it is open."""
    country: str
    lines: tuple[str, ...]

    def says(self, at: float) -> str:
        """Write a moment in the group's zone."""
        return datetime.fromtimestamp(at, self.zone).strftime("%Y-%m-%d %H:%M")


def state_of(kept: Kept, group: str, now: float) -> OpenState:
    """Return how a group stands by its hours."""
    hours, policy = open_time_for(kept.policy, group), kept.policy
    is_open = hours.is_open(now)
    return OpenState(group, ZoneInfo(policy.zone_for(group)), hours.always, is_open,
                     None if is_open else hours.next_open(now), hours.next_close(now) if is_open else None,
                     policy.holidays_for(group), policy.group[group].hours)


@router.get("/hours")
async def hours(asking: Asked, group: str | None = None) -> Response:
    """Show hours and holidays."""
    kept = await policy_of(asking)
    return await _shown(asking, kept, hours_form(_known(asking, kept, group)).made(kept.raw), group)


@router.post("/hours")
async def change(asking: Asked, group: str | None = None) -> Response:
    """Save them."""
    form = hours_form(_known(asking, await policy_of(asking), group))
    done = await save(asking, form, await typed_of(asking.request))
    if isinstance(done, Again):
        return await _shown(asking, done.kept, done.filled, group, done.status)
    return forward(asking, asking.request.url.path + (f"?{asking.request.url.query}" if group else ""),
                   said_of(asking, done.changes), doubts=done.warnings)


def _known(asking: Asking, kept: Kept, group: str | None) -> str | None:
    if group is not None:
        want(asking, kept, "group", group)
    return group


def _free_days(country: str, now: float, zone: str) -> list[str]:
    """Return the next public holidays as YYYY-MM-DD."""
    if not country:
        return []
    calendar, today = PublicHolidays(country), datetime.fromtimestamp(now, ZoneInfo(zone)).date()
    days = (today + timedelta(days=ahead) for ahead in range(DAYS_AHEAD))
    return [day.isoformat() for day in days if calendar.is_closed(day)][:HOLIDAYS]


async def _shown(asking: Asking, kept: Kept, filled: Filled, group: str | None, status: int = OK) -> Response:
    now, policy = time.time(), kept.policy
    form = show(hours_form(group), filled, kept.raw, asking.words, await known_to(asking, kept), may_of(asking, kept))
    week = Markup("")
    zone, country = policy.timezone, policy.holidays
    if group is not None:
        days = [asking.words.gettext(day) for day in WEEK]
        week = draw_week(policy.hours_for(group), days, asking.words.gettext(_("Opening hours of a week")))
        zone, country = policy.zone_for(group), policy.holidays_for(group)
    return page(asking, "hours.html", status=status, form=form, group=group, groups=sorted(policy.group), week=week,
                states=[state_of(kept, name, now) for name in (sorted(policy.group) if group is None else [group])],
                free_days=_free_days(country, now, zone), country=country)
