import pytest

from proxy.sip.errors import SipError
from proxy.sip.keys import branch_key, cancel_key, client_key, server_key
from proxy.sip.message import Request
from proxy.sip.parser import parse
from tests.proxy.sip.transaction_kit import request, response

OLD = "1a"
"""A branch without the magic cookie."""


def changed(of: Request, old: bytes, new: bytes) -> Request:
    data = of.to_bytes()
    assert old in data
    message = parse(data.replace(old, new))
    assert isinstance(message, Request)
    return message


@pytest.mark.parametrize("branch", ["z9hG4bKx", OLD, "z9hG4bK"])
def test_a_repeat_has_the_same_key(branch: str) -> None:
    assert server_key(request(branch=branch)) == server_key(request(branch=branch))


@pytest.mark.parametrize("branch", ["z9hG4bKx", OLD, "z9hG4bK"])
@pytest.mark.parametrize("to", ["<sip:600@pbx.example>", "<sip:600@pbx.example>;tag=in-dialog"])
def test_the_ack_of_a_refusal_finds_its_invite_though_its_to_tag_is_ours(branch: str, to: str) -> None:
    ack = request("ACK", branch, to="<sip:600@pbx.example>;tag=ours")
    assert server_key(ack) == server_key(request(branch=branch, to=to))


@pytest.mark.parametrize("branch", ["z9hG4bKx", OLD])
def test_a_cancel_is_a_transaction_of_its_own_and_finds_its_invite(branch: str) -> None:
    invite, cancel = request(branch=branch), request("CANCEL", branch)
    assert server_key(cancel) != server_key(invite)
    assert cancel_key(cancel) == server_key(invite)


@pytest.mark.parametrize(("old", "new"), [
    (b"branch=z9hG4bKx", b"branch=z9hG4bKy"), (b"192.0.2.1:5060", b"192.0.2.9:5060"),
    (b"192.0.2.1:5060", b"192.0.2.1:5070"),
])
def test_branch_and_sent_by_tell_transactions_apart(old: bytes, new: bytes) -> None:
    of = request("OPTIONS", "z9hG4bKx")
    assert server_key(changed(of, old, new)) != server_key(of)


def test_with_the_cookie_nothing_else_counts() -> None:
    of = request(branch="z9hG4bKx")
    assert server_key(changed(of, b"INVITE sip:600@", b"INVITE sip:700@")) == server_key(of)


@pytest.mark.parametrize(("old", "new"), [
    (b"OPTIONS sip:600@", b"OPTIONS sip:700@"), (b"tag=f1", b"tag=f2"), (b"Call-ID: c1", b"Call-ID: c2"),
    (b"CSeq: 7", b"CSeq: 8"), (b"tag=t1", b"tag=t2"), (b"192.0.2.1:5060", b"192.0.2.9:5060"),
    (b"branch=1a", b"branch=2a"),
])
def test_without_the_cookie_all_that_rfc_3261_lists_counts(old: bytes, new: bytes) -> None:
    of = request("OPTIONS", OLD, to="<sip:600@pbx.example>;tag=t1")
    assert server_key(changed(of, old, new)) != server_key(of)


def test_without_the_cookie_what_was_filled_into_via_does_not_count() -> None:
    of = request(branch=OLD)
    assert server_key(changed(of, b";rport;", b";rport=5060;received=192.0.2.1;")) == server_key(of)


def test_a_response_finds_its_request_by_branch_and_method() -> None:
    invite, cancel = request(), request("CANCEL")
    assert client_key(response(invite, 200)) == branch_key(invite) == (b"z9hG4bKa1", b"INVITE")
    assert client_key(response(cancel, 200)) == branch_key(cancel) != branch_key(invite)


def test_what_has_no_via_has_no_key() -> None:
    bare = Request.create(b"OPTIONS", b"sip:a@b", [b"CSeq: 1 OPTIONS"])
    with pytest.raises(SipError, match="Missing Via"):
        server_key(bare)
