"""What follows an attempt: each result and each cause."""

from datetime import datetime
from typing import get_args
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.hours import parse_all
from routing.callbacks.facts import Outcome
from routing.callbacks.retry import LONGEST_RETRY_AFTER, NoRetry, Plan, RetryAt, after
from routing.callbacks.schedule import OpenTime, slots
from routing.rows import Result

H = 3600.0
MISSED = datetime(2026, 6, 1, 12, tzinfo=ZoneInfo("Europe/Budapest")).timestamp()
END = MISSED + 24 * H
ALWAYS = OpenTime((), "Europe/Budapest")
MIDNIGHT = MISSED + 12 * H
PLAN = Plan(ALWAYS, END, slots(MISSED, END, 6, ALWAYS), 5, 300.0)
NOW = MISSED + 60
LATER = RetryAt(MISSED + 4 * H)
SOON = RetryAt(NOW + 300)


@pytest.mark.parametrize(
    ("result", "cause", "expected"),
    [
        ("short", 200, LATER),
        ("no_key", 200, LATER),
        ("customer_left", 200, LATER),
        ("customer_no_answer", 487, LATER),
        ("customer_no_answer", 480, LATER),
        ("customer_busy", 486, SOON),
        ("customer_busy", 600, SOON),
        ("customer_failed", 486, SOON),
        ("customer_failed", 600, SOON),
        ("customer_failed", 480, LATER),
        ("customer_failed", 503, LATER),
        ("customer_failed", 408, LATER),
        ("customer_failed", 500, LATER),
        ("customer_failed", 403, LATER),
        ("customer_failed", 302, LATER),
        ("customer_failed", None, LATER),
        ("customer_failed", 404, NoRetry("number")),
        ("customer_failed", 484, NoRetry("number")),
        ("customer_failed", 604, NoRetry("number")),
        ("customer_failed", 410, NoRetry("number")),
        ("customer_no_answer", 404, NoRetry("number")),
        ("customer_failed", 603, RetryAt(MISSED + 16 * H)),
        ("customer_failed", 607, RetryAt(MISSED + 16 * H)),
        ("declined", None, LATER),
        ("agent_no_answer", 487, LATER),
        ("agent_busy", 486, LATER),
        ("agent_failed", 404, LATER),
        ("agent_silent", 200, LATER),
        ("agent_left", None, LATER),
        ("stopped", None, LATER),
        ("crashed", None, LATER),
        ("glare", 200, LATER),
    ],
)
def test_the_cause_decides(result: Result, cause: int | None, expected: RetryAt | NoRetry) -> None:
    assert after(Outcome(result, cause), NOW, PLAN) == expected


def test_declined_means_not_again_today() -> None:
    """The first planned moment after midnight; midnight itself is one here."""
    assert after(Outcome("customer_failed", 603), MISSED + 13 * H, PLAN) == NoRetry("window")
    today = PLAN._replace(planned=PLAN.planned[:3])  # all of it lies before midnight, the window does not
    assert after(Outcome("customer_failed", 603), NOW, today) == RetryAt(MIDNIGHT)
    assert after(Outcome("customer_failed", 503, retry_after=10 * H), NOW, today) == RetryAt(NOW + 10 * H)
    assert after(Outcome("customer_no_answer", 480), MISSED + 9 * H, today) == NoRetry("window")
    campaign = PLAN._replace(retry_after=1800.0, planned=())
    assert after(Outcome("customer_failed", 607), NOW, campaign) == RetryAt(MIDNIGHT)
    assert after(Outcome("customer_failed", 607), MIDNIGHT - 60, campaign) == RetryAt(MIDNIGHT + 1740)


def test_retry_after_is_kept() -> None:
    outcome = Outcome("customer_failed", 503, retry_after=5 * H)
    assert after(outcome, NOW, PLAN) == RetryAt(MISSED + 8 * H)
    assert after(Outcome("customer_busy", 486, retry_after=1000.0), NOW, PLAN) == RetryAt(NOW + 1000)
    assert after(Outcome("customer_failed", 503, retry_after=1e12), NOW, PLAN) == NoRetry("window")
    assert after(Outcome("customer_failed", 503, retry_after=-1e12), NOW, PLAN) == LATER
    wide = PLAN._replace(expires_at=1e12, planned=(MISSED, MISSED + 2 * LONGEST_RETRY_AFTER))
    assert after(Outcome("customer_failed", 503, retry_after=1e12), NOW, wide) != NoRetry("window")


def test_a_campaign_has_its_own_time_between_tries() -> None:
    campaign = PLAN._replace(retry_after=1800.0, planned=())
    for outcome in (Outcome("customer_busy", 486), Outcome("customer_no_answer", 487), Outcome("short", 200)):
        assert after(outcome, NOW, campaign) == RetryAt(NOW + 1800)
    assert after(Outcome("customer_failed", 404), NOW, campaign) == NoRetry("number")
    assert after(Outcome("customer_no_answer"), END - 60, campaign) == NoRetry("window")


def test_the_last_attempt_and_the_end_of_the_window() -> None:
    assert after(Outcome("customer_no_answer"), NOW, PLAN._replace(left=0)) == NoRetry("attempts")
    assert after(Outcome("customer_failed", 404), NOW, PLAN._replace(left=0)) == NoRetry("number")
    assert after(Outcome("customer_busy"), END - 200, PLAN) == NoRetry("window")
    assert after(Outcome("declined"), END, PLAN) == NoRetry("window")


RESULTS = st.sampled_from(get_args(Result))
CAUSES = st.none() | st.integers(100, 699)


@given(RESULTS, CAUSES, st.floats(0, 24 * H), st.none() | st.floats(-1, 1e9), st.integers(-1, 6),
       st.none() | st.floats(1, 7200))
def test_what_is_due_is_open_inside_the_window_and_not_past(
    result: Result, cause: int | None, ago: float, wait: float | None, left: int, own: float | None
) -> None:
    open_time = OpenTime(parse_all(["mon-fri 08:00-12:00,13:00-17:00"]), "Europe/Budapest")
    plan = Plan(open_time, END, slots(MISSED, END, 6, open_time), left, 300.0, own)
    found = after(Outcome(result, cause, retry_after=wait), MISSED + ago, plan)
    if isinstance(found, RetryAt):
        assert MISSED + ago <= found.at < END
        assert open_time.is_open(found.at)
        assert left > 0
