"""What agents' phones do, as a real Asterisk tells it by its hints: SUBSCRIBE to the dialog event (RFC 4235)."""

from pathlib import Path

import pytest

from tests.kit.call_center import CallCenter
from tests.kit.waiting import eventually

pytestmark = pytest.mark.usefixtures("pjsip")

CUSTOMER = "+36201234567"
POLICY = {
    "number": {"+3614445555": {"group": "sales"}},
    "group": {"sales": {"target": "600", "agents": ["201", "202"], "missed_callback": {"enabled": True}}},
}


def subscribers(site: CallCenter) -> int:
    """How many extensions Asterisk tells somebody about."""
    listed = site.pbx.cli("core show hints").splitlines()
    return sum("PJSIP/" in line and line.split()[-1] == "1" for line in listed)


def test_states_follow_the_phones(asterisk: Path, tmp_path: Path) -> None:
    """Calls between agents never pass Boomerang; it knows of them all the same, and again after its own end."""
    with CallCenter(asterisk, tmp_path, customers=[CUSTOMER], policy=POLICY) as site:
        caller, called = site.agent("201"), site.agent("202", answer="silent")
        site.agent_becomes("201", "free")
        site.agent_becomes("202", "free")
        caller.dial("202")
        site.agent_becomes("202", "ringing")
        site.agent_becomes("201", "busy")  # who dials is not free
        called.pick_up()
        site.agent_becomes("202", "busy")

        site.boomerang.kill9()
        site.boomerang.restart()
        site.agent_becomes("202", "busy")
        site.agent_becomes("201", "busy")
        caller.hang_up()
        site.agent_becomes("201", "free")
        site.agent_becomes("202", "free")
        eventually(lambda: subscribers(site) == 2, "the subscriptions of before the crash are refused and gone")

        site.boomerang.terminate()
        assert site.boomerang.process is not None
        site.boomerang.process.wait()
        eventually(lambda: subscribers(site) == 0, "who stops says so")


def test_a_pbx_that_was_started_anew(asterisk: Path, tmp_path: Path) -> None:
    """It takes up what it remembers of us, or is asked again when it answers again."""
    with CallCenter(asterisk, tmp_path, customers=[CUSTOMER], policy=POLICY) as site:
        site.agent_becomes("201", "free")
        site.pbx.restart()
        caller = site.agent("201")
        site.agent("202", answer="silent")
        caller.dial("202")
        site.agent_becomes("202", "ringing")


def test_a_pbx_without_hints(asterisk: Path, tmp_path: Path) -> None:
    """Nothing is known of an agent before a call of theirs passes, and nothing is made up."""
    with CallCenter(asterisk, tmp_path, customers=[CUSTOMER], policy=POLICY, hints=False) as site:
        eventually(lambda: sum('"why":"404"' in line for line in site.boomerang.log) == 2, "both were refused")
        assert set(site.agents().values()) == {"unknown"}
