"""What is dialled is guarded: a missed call's number can be forged, and dialling it costs money (product.md section 6).

Every refusal has a reason, a text for the journal, and the moment from which it may be asked again.
"""

from bisect import bisect_right, insort
from collections.abc import Container, Iterable
from contextlib import suppress
from typing import Final, NamedTuple

import phonenumbers
from phonenumbers import timezone as phone_zones

from config.policy import Policy
from routing.callbacks.quiet import QuietHours
from routing.callbacks.refusal import Refusal
from routing.callbacks.schedule import Stretch
from routing.rows import PastAttempt
from routing.storage import Caps

HOUR: Final = 3600.0
DAY: Final = 86_400.0

STOPPED_PAUSE: Final = 30.0
"""Seconds after which the stop switch is looked at again."""

TRUNK_PAUSE: Final = 5.0
"""Seconds after which a full trunk is asked again."""

CACHE_SIZE: Final = 20_000
"""Numbers of which country, type and zones are remembered. A full cache is begun anew."""

_TYPES: Final = {
    value: name.lower() for name, value in vars(phonenumbers.PhoneNumberType).items() if isinstance(value, int)
}
"""phonenumbers' types by their numbers, in the policy's words."""


class RateWindow:
    """How often something happened within the last so many seconds.

    Where the clock is set, forward or back, `shift` takes along what was counted: an hour ago stays an hour ago. What
    lies ahead all the same was counted by a clock that was wrong, in a process before this one, and counts as of now.
    """

    __slots__ = ("_at", "_span")

    def __init__(self, span: float) -> None:
        self._span = span
        self._at: list[float] = []

    def add(self, at: float) -> None:
        """Count one more."""
        insort(self._at, at)

    def remove(self, at: float) -> None:
        """Take one back that was added."""
        with suppress(ValueError):
            self._at.remove(at)

    def count(self, now: float, span: float | None = None) -> int:
        """Return how many there were within the last `span` seconds (the longest one unless said)."""
        return len(self._at) - bisect_right(self._at, now - (span or self._span))

    def below(self, limit: int, now: float, span: float | None = None) -> float:
        """Return from when on there are fewer than `limit` within `span`; `now` where there are already."""
        return now if len(self._at) < limit else max(now, min(now, self._at[-limit]) + (span or self._span))

    def shift(self, seconds: float) -> None:
        """The clock was set forward by so many seconds (back: negative)."""
        self._at = [at + seconds for at in self._at]

    def tidy(self, now: float) -> None:
        """Drop what is too old. Not done while counting: the clock may be wrong just then."""
        ahead = len(self._at) - bisect_right(self._at, now)
        self._at = self._at[bisect_right(self._at, now - self._span) : len(self._at) - ahead] + [now] * ahead


class Dialled:
    """When customers were dialled within the last day."""

    __slots__ = ("_by_number", "everybody")

    def __init__(self) -> None:
        self.everybody = RateWindow(DAY)
        self._by_number: dict[str, RateWindow] = {}

    def add(self, customer: str, at: float) -> None:
        """An attempt dials this customer."""
        self.everybody.add(at)
        self._by_number.setdefault(customer, RateWindow(DAY)).add(at)

    def remove(self, customer: str, at: float) -> None:
        """That attempt dials nobody after all."""
        self.everybody.remove(at)
        self.of(customer).remove(at)

    def restore(self, past: Iterable[PastAttempt], now: float) -> None:
        """Begin with what the database remembers: what is ahead of the clock was dialled just now."""
        for attempt in past:
            self.add(attempt.customer, min(attempt.at, now))

    def of(self, customer: str) -> RateWindow:
        """Return the times of one customer."""
        return self._by_number.get(customer) or RateWindow(DAY)

    def shift(self, seconds: float) -> None:
        for times in (self.everybody, *self._by_number.values()):
            times.shift(seconds)

    def tidy(self, now: float) -> None:
        """Forget customers who were not dialled within a day."""
        for times in (self.everybody, *self._by_number.values()):
            times.tidy(now)
        self._by_number = {customer: times for customer, times in self._by_number.items() if times.count(now)}


class GuardFacts(NamedTuple):
    """What the guard must know beside the policy."""

    dialled: Dialled
    do_not_call: Container[str]
    """The do-not-call list."""
    on_trunk: int
    """Calls that the trunk carries now, ours included."""
    own_on_trunk: int
    """Of them, ours: customers' legs."""
    number: str | None = None
    """Our number that the customer is shown."""
    campaign: str | None = None


class _Known(NamedTuple):
    """What the numbering plan says of a number."""

    region: str | None
    """ISO 3166 country; `001` for a code of no country; None where the plan has no such number."""
    type: str
    zones: tuple[str, ...]


class DialGuard:
    """The guard under one policy; make a new one with each new policy."""

    __slots__ = ("_countries", "_known", "_own", "_policy", "_quiet", "_refused")

    def __init__(self, policy: Policy) -> None:
        self._policy = policy
        guard = policy.guard
        self._countries = frozenset(guard.countries or ((policy.region,) if policy.region else ()))
        self._refused = frozenset(guard.refuse_types)
        shown = (policy.callback.show, *(group.callback.show for group in policy.group.values()))
        self._own = frozenset(policy.number) | {number for number in shown if number is not None}
        self._known: dict[str, _Known] = {}
        self._quiet = QuietHours(guard.quiet)

    def check(self, customer: str, now: float, facts: GuardFacts) -> Refusal | None:
        """Say whether a customer may be dialled now; None: yes. Asked before the claim, and again before the INVITE."""
        if self._policy.guard.stop:
            return Refusal("stop", "callbacks are stopped", now + STOPPED_PAUSE, "all")
        return (
            self.check_number(customer, facts.do_not_call, facts.campaign, facts.number)
            or self._all_cap(now, facts.dialled.everybody)
            or self._trunk(now, facts)
            or self.check_number_cap(now, facts.dialled.of(customer))
            or self.check_hour(customer, now)
        )

    def caps(self, trunk: str) -> Caps:
        """Return the caps that hold for what all nodes dial together. Channels of the trunk that others' calls use are
        not among them: each node sees its own calls alone."""
        guard = self._policy.guard
        return Caps(guard.number_per_hour, guard.number_per_day, guard.all_per_hour, guard.all_per_day, trunk,
                    guard.trunk_legs)

    def check_number_now(self, customer: str, now: float, facts: GuardFacts) -> Refusal | None:
        """Say whether a number may be dialled at this hour and once more today, were a line free for it."""
        return (
            self.check_number(customer, facts.do_not_call, facts.campaign, facts.number)
            or self.check_number_cap(now, facts.dialled.of(customer))
            or self.check_hour(customer, now)
        )

    def check_anybody(self, now: float, dialled: RateWindow) -> Refusal | None:
        """Say whether anybody at all may be dialled now; `dialled`: when that was done lately."""
        if self._policy.guard.stop:
            return Refusal("stop", "callbacks are stopped", now + STOPPED_PAUSE, "all")
        return self._all_cap(now, dialled)

    def check_number(
        self, customer: str, do_not_call: Container[str], campaign: str | None = None, number: str | None = None
    ) -> Refusal | None:
        """Say whether a number may be dialled at all, whatever the time: asked when a task is made, too.

        `do_not_call`: the list; `number`: our number that the customer is shown.
        """
        if customer in self._own or customer == number:
            return Refusal("own_number", "the customer is a number of ours", None)
        if customer in do_not_call:
            return Refusal("do_not_call", "the number is on the do-not-call list", None)
        if campaign in self._policy.campaign and customer in self._policy.campaign[campaign].do_not_call:
            return Refusal("do_not_call", "the number is on the campaign's do-not-call list", None)
        known = self._plan(customer)
        if known.region not in self._countries:
            unsaid = "" if self._countries else ": neither region nor guard.countries is set"
            return Refusal("country", f"country {known.region or 'unknown'} is not called back{unsaid}", None)
        if known.type in self._refused:
            return Refusal("number_type", f"numbers of type {known.type} are not dialled", None)
        return None

    def admit(self, open_tasks: int, made: RateWindow, now: float) -> Refusal | None:
        """Say whether one more missed caller may be promised a callback; `made`: when that was done lately."""
        guard = self._policy.guard
        if open_tasks >= guard.open_tasks:
            return Refusal("open_tasks", f"{open_tasks} callbacks wait already", now + TRUNK_PAUSE, "all")
        if made.count(now, HOUR) >= guard.tasks_per_hour:
            until = made.below(guard.tasks_per_hour, now, HOUR)
            return Refusal("flood", f"{guard.tasks_per_hour} callbacks were promised within an hour", until, "all")
        return None

    def _all_cap(self, now: float, times: RateWindow) -> Refusal | None:
        guard = self._policy.guard
        for limit, span, words in ((guard.all_per_day, DAY, "24 hours"), (guard.all_per_hour, HOUR, "an hour")):
            if times.count(now, span) >= limit:
                text = f"{limit} attempts dialled within {words}"
                return Refusal("all_cap", text, times.below(limit, now, span), "all")
        return None

    def check_number_cap(self, now: float, times: RateWindow) -> Refusal | None:
        """Say whether a number was dialled as often as it may be; `times`: when it was."""
        guard = self._policy.guard
        for limit, span, words in ((guard.number_per_day, DAY, "24 hours"), (guard.number_per_hour, HOUR, "an hour")):
            if times.count(now, span) >= limit:
                return Refusal("number_cap", f"dialled {limit} times within {words}", times.below(limit, now, span))
        return None

    def _trunk(self, now: float, facts: GuardFacts) -> Refusal | None:
        guard = self._policy.guard
        if guard.trunk_legs and facts.own_on_trunk >= guard.trunk_legs:
            text = f"{facts.own_on_trunk} callbacks are on the trunk already"
            return Refusal("trunk_legs", text, now + TRUNK_PAUSE, "trunk")
        if guard.trunk_channels and facts.on_trunk >= guard.trunk_channels - guard.trunk_kept:
            text = f"{facts.on_trunk} of {guard.trunk_channels} channels in use, {guard.trunk_kept} kept for live calls"
            return Refusal("trunk_channels", text, now + TRUNK_PAUSE, "trunk")
        return None

    def check_hour(self, customer: str, now: float) -> Refusal | None:
        """Say whether it is too early or too late where a customer may be."""
        quiet = self._quiet.now(self._plan(customer).zones or (self._policy.timezone,), now)
        return None if quiet is None else Refusal("quiet_hours", f"quiet hours in {quiet.zone}", quiet.until)

    def quiet_between(self, customer: str, start: float, end: float) -> tuple[Stretch, ...]:
        """Return when it is quiet where a customer is."""
        return self._quiet.stretches(self._plan(customer).zones or (self._policy.timezone,), start, end)

    def _plan(self, customer: str) -> _Known:
        found = self._known.get(customer)
        if found is None:
            if len(self._known) >= CACHE_SIZE:
                self._known.clear()
            found = self._known[customer] = _look_up(customer)
        return found


def _look_up(customer: str) -> _Known:
    """Ask the numbering plans; a text that is no number is of no country and of unknown type."""
    try:
        number = phonenumbers.parse(customer, None)
    except phonenumbers.NumberParseException:
        return _Known(None, "unknown", ())
    zones = tuple(zone for zone in phone_zones.time_zones_for_number(number) if zone != phone_zones.UNKNOWN_TIMEZONE)
    return _Known(phonenumbers.region_code_for_number(number), _TYPES[phonenumbers.number_type(number)], zones)
