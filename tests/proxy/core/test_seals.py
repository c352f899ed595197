import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.core.dialog_gate import read_route
from proxy.core.seals import COOKIE, Seals, first_vias, sealed_numbers
from proxy.sip.errors import SipError
from proxy.sip.message import Request, Response
from proxy.sip.parser import parse

SEALS = Seals(b"k" * 16)
OTHER = Seals(b"o" * 16)
CALL = "018bcfe5-6be8-7000-8000-000000000000"


def request(
    branch: bytes = b"z9hG4bK-a",
    sent_by: bytes = b"192.0.2.1:5060",
    call_id: bytes = b"c1",
    tag: bytes = b"f",
    cseq: int = 1,
    more: bytes = b"",
) -> Request:
    message = parse(
        b"INVITE sip:600@pbx SIP/2.0\r\nVia: SIP/2.0/UDP %s;branch=%s\r\n%sFrom: <sip:a@b>;tag=%s\r\n"
        b"To: <sip:c@d>\r\nCall-ID: %s\r\nCSeq: %d INVITE\r\n\r\n" % (sent_by, branch, more, tag, call_id, cseq)
    )
    assert isinstance(message, Request)
    return message


def answer(sent: Request, branch: bytes) -> Response:
    """The response to `sent` after we put our Via with this branch on top."""
    fields = b"\r\n".join(sent.fields)
    message = parse(b"SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP edge:5060;branch=" + branch + b"\r\n" + fields + b"\r\n\r\n")
    assert isinstance(message, Response)
    return message


@pytest.mark.parametrize("length", [0, 15, 65])
def test_key_of_a_wrong_length(length: int) -> None:
    with pytest.raises(ValueError, match="16 to 64"):
        Seals(b"x" * length)


@given(st.uuids(), st.binary(max_size=20), st.binary(min_size=1, max_size=40))
def test_token_says_what_was_put_in(name: uuid.UUID, tag: bytes, call_id: bytes) -> None:
    written = SEALS.token(str(name), tag, call_id)
    token = SEALS.read_token(written, call_id)
    assert token is not None
    assert token.call == str(name)
    assert token.by_caller(tag)
    assert OTHER.read_token(written, call_id) is None
    assert SEALS.read_token(written, call_id + b"x") is None


@pytest.mark.parametrize("route", [b"sip:%s@127.0.0.1:5060;lr", b"sip:%s@127.0.0.1:5060;lr;x=y"])
def test_no_token_looks_like_a_field_to_who_searches_the_whole_message(route: bytes) -> None:
    call = "0927aa09-27aa-7927-aa09-27aa0927aa09"  # `CSeqCSeq`, in Base64
    written = SEALS.token(call, b"f", b"c1")
    assert b"CSeq" not in written
    for returned in (written, written.replace(b"%71", b"q")):  # as who unescapes what needs no escape
        user, *_ = read_route(route % returned)
        token = SEALS.read_token(user, b"c1")
        assert token is not None
        assert token.call == call


@given(st.integers(0, 42), st.integers(1, 255))
def test_any_change_of_a_token_is_seen(at: int, change: int) -> None:
    written = bytearray(SEALS.token(CALL, b"f", b"c1"))
    written[at] ^= change
    assert SEALS.read_token(bytes(written), b"c1") is None


@pytest.mark.parametrize("user", [None, b"", b"bm-", b"bm-" + b"A" * 40, b"bm-" + b"A" * 41, b"600"])
def test_no_token(user: bytes | None) -> None:
    assert SEALS.read_token(user, b"c1") is None


def test_a_key_that_is_changed() -> None:
    """The one before and the one to come are recognised, and nothing is made of them."""
    both, call = Seals(b"k" * 16, (b"o" * 16, b"k" * 16)), request()
    assert len(both.others) == 1
    assert both.token(CALL, b"f", b"c1") == SEALS.token(CALL, b"f", b"c1")
    for seals in (SEALS, OTHER):
        for is_call in (True, False):
            token = both.read_token(seals.token(CALL, b"f", b"c1", is_call=is_call), b"c1")
            assert token is not None
            assert (token.call, token.is_call) == (CALL, is_call)
        assert both.made(answer(call, seals.branch(call, 0, 0, 1, b"00000000")))
    third = Seals(b"t" * 16)
    assert both.read_token(third.token(CALL, b"f", b"c1"), b"c1") is None
    assert not both.made(answer(call, third.branch(call, 0, 0, 1, b"00000000")))


def test_what_an_earlier_version_wrote_is_written_again() -> None:
    """Calls go on through an update: what they bear must still be known, and computed alike."""
    call = request()
    assert SEALS.token(CALL, b"f", b"c1") == b"bm-AYvP5WvocACAAAAAAAAAACvgpTI4SBhNpVyrvBt3"
    assert SEALS.token(CALL, None, b"c1", is_call=False) == b"bm-AYvP5WvocACAAAAAAAAAAAAA2Xs53NIpIVf_jTCq"
    assert SEALS.branch(call, 0, 1, 2, b"00000000") == b"z9hG4bKbm010200000000af21184dcc4902f3524da360"
    assert SEALS.tag(call) == b"7cf1a4f95b8e12b9"
    assert SEALS.loop_mark("carrier", b"sip:600@pbx", call) == b"2ebba8bd"
    assert SEALS.mark(b"a", b"b") == b"f92ce20775a7265dfd855298"


def test_other_side_of_the_call() -> None:
    token = SEALS.read_token(SEALS.token(CALL, b"f", b"c1"), b"c1")
    assert token is not None
    assert [token.by_caller(tag) for tag in (b"f", b"g", None)] == [True, False, False]
    without = SEALS.read_token(SEALS.token(CALL, None, b"c1"), b"c1")
    assert without is not None
    assert without.by_caller(None)


@given(st.integers(0, 255), st.integers(0, 255))
def test_branch_is_known_again(target: int, tried: int) -> None:
    sent = request()
    branch = SEALS.branch(sent, 0, target, tried, b"0123abcd")
    assert branch.startswith(COOKIE)
    assert SEALS.branch(request(), 0, target, tried, b"0123abcd") == branch
    assert SEALS.made(answer(sent, branch))
    assert SEALS.branch(answer(sent, branch), 1, target, tried, b"0123abcd") == branch
    assert not OTHER.made(answer(sent, branch))
    assert sealed_numbers(branch) == (target, tried)
    assert SEALS.loop_mark_of(branch) == b"0123abcd"


@pytest.mark.parametrize(
    "other", [{"branch": b"z9hG4bK-b"}, {"sent_by": b"192.0.2.2:5060"}, {"call_id": b"c2"}, {"tag": b"g"}, {"cseq": 2}]
)
def test_branch_belongs_to_its_request(other: dict[str, bytes]) -> None:
    branch = SEALS.branch(request(), 0, 0, 0, b"00000000")
    changed = request(**other)  # type: ignore[arg-type]  # one of the byte fields or the number
    assert SEALS.branch(changed, 0, 0, 0, b"00000000") != branch
    assert not SEALS.made(answer(changed, branch))


@pytest.mark.parametrize("branch", [b"z9hG4bK-x", COOKIE + b"00", COOKIE + b"0000" + b"0" * 32, COOKIE + b"zz" * 18])
def test_what_we_did_not_make(branch: bytes) -> None:
    assert not SEALS.made(answer(request(), branch))


def test_numbers_are_part_of_the_seal() -> None:
    sent = request()
    branch = SEALS.branch(sent, 0, 0, 0, b"00000000")
    assert not SEALS.made(answer(sent, branch.replace(COOKIE + b"0000", COOKIE + b"0100")))


def test_response_with_our_via_alone() -> None:
    branch = SEALS.branch(request(), 0, 0, 0, b"00000000")
    message = parse(b"SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP edge;branch=%s\r\n\r\n" % branch)
    assert not SEALS.made(message)


@pytest.mark.parametrize("branch", [None, b"", b"z9hG4bK-x", COOKIE + b"1"])
def test_nothing_can_be_read_from_other_branches(branch: bytes | None) -> None:
    assert SEALS.loop_mark_of(branch) is None
    assert sealed_numbers(branch) == (0, 0)


def test_loop_mark_is_over_what_routing_looks_at() -> None:
    first = SEALS.loop_mark("main", b"sip:600@x", request())
    assert len(first) == 8
    assert SEALS.loop_mark("main", b"sip:600@x", request(branch=b"z9hG4bK-other")) == first
    changes = [
        ("office", b"sip:600@x", request()),
        ("main", b"sip:601@x", request()),
        ("main", b"sip:600@x", request(cseq=2)),
        ("main", b"sip:600@x", request(tag=b"g")),
        ("main", b"sip:600@x", request(call_id=b"c2")),
    ]
    assert all(SEALS.loop_mark(*each) != first for each in changes)


def test_tag_is_the_same_for_every_copy() -> None:
    assert SEALS.tag(request()) == SEALS.tag(request(branch=b"z9hG4bK-other")) != SEALS.tag(request(call_id=b"c2"))


def test_first_vias() -> None:
    message = request(more=b"Via: SIP/2.0/UDP b, SIP/2.0/TCP c\r\nv: SIP/2.0/UDP d\r\n")
    hosts = [[via.host for via in first_vias(message, count)] for count in (1, 2, 3, 4, 9)]
    everything = [b"192.0.2.1", b"b", b"c", b"d"]
    assert hosts == [everything[:1], everything[:2], everything[:3], everything, everything]
    with pytest.raises(SipError):
        first_vias(request(more=b"Via: nonsense\r\n"), 2)
