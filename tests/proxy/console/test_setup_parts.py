"""Small parts of the settings' pages: moments of the example, states of campaigns and groups, reasons."""

from datetime import datetime
from typing import get_args
from zoneinfo import ZoneInfo

import pytest

from config.policy import Campaign, Policy, parse_policy, plain_policy
from proxy.console.forms.example import Day, days_of, moment_typed, noon, written
from proxy.console.forms.why import WHY, say_why
from proxy.console.pages import campaigns, hours
from proxy.console.pages.thing_pages import ROWS, rows_of
from proxy.console.policy_pages import Kept
from proxy.console.words import words_of
from routing.callbacks.campaigns import Hindrance

ZONE = "Europe/Budapest"


def at(text: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(ZONE)).timestamp()


@pytest.mark.parametrize(("text", "moment"), [
    ("2026-11-30T12:00", at("2026-11-30T12:00")), ("2026-11-30T12:00:30", at("2026-11-30T12:00")), ("", None),
    ("noon", None), ("9999-99-99T12:00", None), ("0001-01-01T00:00", None), ("2026-11-30", None)])
def test_a_moment_that_a_browser_wrote(text: str, moment: float | None) -> None:
    if text != "0001-01-01T00:00":  # a moment as good as any where the platform knows the year 1
        assert moment_typed(text, ZONE) == moment
    moment_typed(text, ZONE)


def test_moments_by_day() -> None:
    moments = [at(f"2026-11-{day}T{hour}:00") for day, hour in ((18, "12"), (18, "16"), (19, "00"))]
    assert days_of(moments, ZONE) == [Day("2026-11-18", ("12:00", "16:00")), Day("2026-11-19", ("00:00",))]
    assert written(noon(at("2026-11-18T23:59"), ZONE), ZONE) == "2026-11-18T12:00"


@pytest.mark.parametrize(("keys", "state"), [
    ({}, "running"), ({"to": "2026-11-18"}, "running"), ({"to": "2026-11-17"}, "expired"),
    ({"to": "2026-11-17", "enabled": False}, "expired"), ({"enabled": False}, "off"),
    ({"from": "2026-11-19"}, "waiting"), ({"from": "2026-11-18"}, "running")])
def test_a_campaign_says_that_it_has_expired(keys: dict[str, object], state: str) -> None:
    campaign = Campaign.model_validate({"group": "sales", **keys})
    assert campaigns.state_of(campaign, at("2026-11-18T23:30"), ZONE) == state


@pytest.mark.parametrize(("now", "is_open", "opens", "closes"), [
    ("2026-11-18T07:59", False, "2026-11-18T08:00", None), ("2026-11-18T08:00", True, None, "2026-11-18T17:00"),
    ("2026-11-20T17:00", False, "2026-11-23T08:00", None)])
def test_whether_a_group_is_open_and_when_next(now: str, is_open: bool, opens: str | None, closes: str | None) -> None:
    policy = parse_policy('timezone = "Europe/Budapest"\n[group.sales]\nhours = ["mon-fri 08:00-17:00"]\n')
    found = hours.state_of(Kept(policy, plain_policy(policy), 1, ""), "sales", at(now))
    assert (found.is_open, found.opens, found.closes) == (
        is_open, None if opens is None else at(opens), None if closes is None else at(closes))


def test_without_hours_it_is_always_open() -> None:
    policy = Policy.model_validate({"group": {"sales": {}}})
    found = hours.state_of(Kept(policy, {}, None, ""), "sales", 0.0)
    assert (found.always, found.is_open, found.opens, found.closes) == (True, True, None, None)


def test_every_hindrance_has_its_words() -> None:
    assert set(get_args(Hindrance)) <= set(WHY)
    assert say_why({"reason": "share", "text": "x"}, words_of("hu")).startswith("már annyi")
    assert say_why({"reason": "something new", "text": "as the node says it"}, words_of("hu")) == "as the node says it"


def test_a_long_list_is_shown_in_parts_and_searched() -> None:
    items = [f"row {number}" for number in range(ROWS + 5)]
    first = rows_of(items, str, "", 0)
    assert (len(first.items), first.more, first.total) == (ROWS, ROWS, ROWS + 5)
    assert (len(rows_of(items, str, "", ROWS).items), rows_of(items, str, "", ROWS).more) == (5, None)
    assert rows_of(items, str, "ROW 204", -1).items == ["row 204"]
