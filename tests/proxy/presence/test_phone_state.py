"""What one phone does, out of what its dialogs are told to be."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.presence.phone_state import FREE, PhoneState, Seen, joined
from proxy.sip.dialog_info import DialogInfo, DialogState, Direction, PhoneDialog

CUSTOMER, OTHER = "+36201234567", "+36301112233"


def one(state: DialogState, who: str | None = None, name: str = "1",
        way: Direction | None = "recipient") -> PhoneDialog:
    return PhoneDialog(name, state, way, who and f"sip:{who}@pbx")


def full(*dialogs: PhoneDialog, version: int = 0) -> DialogInfo:
    return DialogInfo(version, True, dialogs)


def partial(version: int, *dialogs: PhoneDialog) -> DialogInfo:
    return DialogInfo(version, False, dialogs)


@pytest.mark.parametrize(("dialogs", "seen"), [
    ((), FREE),
    ((one("terminated"),), FREE),
    ((one("trying", CUSTOMER),), Seen("ringing", CUSTOMER)),
    ((one("early", CUSTOMER),), Seen("ringing", CUSTOMER)),
    ((one("early", CUSTOMER, way=None),), Seen("ringing", CUSTOMER)),
    ((one("confirmed"),), Seen("busy")),
    ((one("confirmed", CUSTOMER),), Seen("busy", CUSTOMER)),
    ((one("proceeding", CUSTOMER, way="initiator"),), Seen("busy")),
    ((one("confirmed", CUSTOMER, way="initiator"),), Seen("busy")),
    ((one("confirmed", OTHER), one("early", CUSTOMER, "2")), Seen("busy", OTHER)),
    ((one("early", CUSTOMER), one("terminated", name="2")), Seen("ringing", CUSTOMER)),
])
def test_joined_over_the_dialogs_of_a_phone(dialogs: tuple[PhoneDialog, ...], seen: Seen) -> None:
    state = PhoneState(frozenset())
    assert state.take(full(*dialogs))
    assert state.seen() == seen


def test_the_one_who_rang_is_the_one_who_is_talked_to() -> None:
    """Asterisk leaves the identity out once the call is taken."""
    state = PhoneState(frozenset())
    state.take(full(one("early", CUSTOMER)))
    state.take(full(one("confirmed", way=None)))
    assert state.seen() == Seen("busy", CUSTOMER)
    state.take(full(one("terminated")))
    state.take(full(one("confirmed")))
    assert state.seen() == Seen("busy"), "a call of later has nothing to do with who rang before"


def test_a_placed_call_stays_one() -> None:
    state = PhoneState(frozenset())
    state.take(full(one("early", CUSTOMER, way="initiator")))
    state.take(full(one("confirmed", CUSTOMER, way=None)))
    assert state.seen() == Seen("busy")


def test_who_rings_may_change() -> None:
    state = PhoneState(frozenset())
    state.take(full(one("early", CUSTOMER)))
    state.take(full(one("early", OTHER)))
    assert state.seen() == Seen("ringing", OTHER)


def test_an_identity_that_nobody_can_read_is_nobody() -> None:
    state = PhoneState(frozenset())
    state.take(full(one("early", CUSTOMER)))
    unreadable = one("confirmed")._replace(remote="urn:x:y")
    state.take(full(unreadable))
    assert state.seen() == Seen("busy")


def test_the_newest_of_two_talks_counts() -> None:
    state = PhoneState(frozenset())
    state.take(full(one("confirmed", OTHER), one("early", CUSTOMER, "2")))
    state.take(full(one("confirmed", name="2"), one("confirmed")))
    assert state.seen() == Seen("busy", CUSTOMER)


def test_partial_documents_follow_each_other() -> None:
    state = PhoneState(frozenset())
    assert not state.take(partial(1, one("early", CUSTOMER)))
    assert not state.known
    assert state.take(full(one("early", CUSTOMER), version=4))
    assert state.take(partial(5, one("confirmed", name="2")))
    assert state.seen() == Seen("busy")
    assert state.take(partial(5, one("terminated", name="2"))), "an old one is no news"
    assert state.seen() == Seen("busy")
    assert not state.take(partial(7, one("terminated", name="2"))), "6 is missing"
    assert state.take(partial(6, one("terminated", name="2")))
    assert state.seen() == Seen("ringing", CUSTOMER)


def test_a_notifier_that_never_counts_is_understood() -> None:
    state = PhoneState(frozenset())
    state.take(full(one("early", CUSTOMER), version=0))
    state.take(full(one("confirmed"), version=0))
    assert state.seen().state == "busy"


def test_dialogs_are_bounded() -> None:
    state = PhoneState(frozenset())
    state.take(full())
    for number in range(1, 1000):
        state.take(partial(number, one("confirmed", name=str(number))))
    assert len(state._dialogs) <= 200


STATES = st.sampled_from(["trying", "proceeding", "early", "confirmed", "terminated"])
DIALOG = st.builds(one, STATES, st.sampled_from([CUSTOMER, OTHER, None]), st.sampled_from("123"),
                   st.sampled_from(["initiator", "recipient", None]))
DIALOGS = st.lists(DIALOG, max_size=3, unique_by=lambda each: each.id)


@given(st.lists(DIALOGS, max_size=6))
def test_full_documents_leave_nothing_of_before(documents: list[list[PhoneDialog]]) -> None:
    """Free, ringing or busy is what the last document alone says, unless a direction was told once and left out."""
    state = PhoneState(frozenset())
    for dialogs in documents:
        state.take(full(*dialogs))
        alive = [each for each in dialogs if each.state != "terminated"]
        seen = state.seen()
        assert (seen == FREE) == (not alive)
        if any(each.state == "confirmed" for each in alive):
            assert seen.state == "busy"
        assert seen.remote in (None, CUSTOMER, OTHER)


@pytest.mark.parametrize(("several", "seen"), [
    ([], FREE), ([FREE, FREE], FREE), ([FREE, Seen("ringing", CUSTOMER), FREE], Seen("ringing", CUSTOMER)),
    ([Seen("busy", OTHER), Seen("ringing", CUSTOMER)], Seen("busy", OTHER)),
    ([Seen("ringing", CUSTOMER), Seen("busy")], Seen("busy")),
])
def test_several_sources(several: list[Seen], seen: Seen) -> None:
    assert joined(several) == seen
