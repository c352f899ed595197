import pytest

from proxy.sip.dialog import Dialog, DialogKey, DialogState, key_of_request, key_of_response
from proxy.sip.errors import SipError
from proxy.sip.message import Request, Response
from proxy.sip.parser import parse
from proxy.sip.reply import build_response
from proxy.sip.request_error import request_of
from tests.proxy.sip.transaction_kit import request

VIA = b"Via: SIP/2.0/UDP us.example;branch=z9hG4bKn"
CONTACT = "Contact: <sip:eve@192.0.2.1:5060>\r\n"


def answer(to: Request, status: int, *fields: bytes, tag: bytes = b"t1") -> Response:
    message = parse(build_response(to, status, to_tag=tag, fields=fields))
    assert isinstance(message, Response)
    return message


def read(data: bytes) -> Request:
    message = parse(data)
    assert isinstance(message, Request)
    return message


def state(dialog: Dialog) -> str:
    return dialog.state.value


def caller(status: int = 200, *fields: bytes) -> Dialog:
    return Dialog.as_caller(request(), answer(request(), status, *fields))


def callee(status: int = 200, extra: str = CONTACT) -> Dialog:
    return Dialog.as_callee(request(extra=extra), answer(request(), status))


RECORDED = (b"Record-Route: <sip:p2.example;lr>, <sip:p1.example;lr>", b"Contact: <sip:600@10.0.0.10>")


def test_caller_takes_routes_in_reverse_and_the_contact_of_the_response() -> None:
    dialog = caller(200, *RECORDED)
    assert dialog.key == DialogKey(b"c1@trunk.example", b"f1", b"t1")
    assert state(dialog) == "confirmed"
    assert (dialog.local_cseq, dialog.remote_cseq) == (7, None)
    bye = read(dialog.request(b"BYE", VIA))
    assert bye.uri == b"sip:600@10.0.0.10"
    assert [route.uri for route in bye.routes] == [b"sip:p1.example;lr", b"sip:p2.example;lr"]
    assert (bye.cseq.number, bye.from_.tag, bye.to.tag, bye.call_id) == (8, b"f1", b"t1", b"c1@trunk.example")
    assert bye.from_.display == b"Eve"


def test_callee_takes_routes_in_order_and_the_contact_of_the_request() -> None:
    dialog = callee(200, "Record-Route: <sip:p2.example;lr>\r\nRecord-Route: <sip:p1.example;lr>\r\n" + CONTACT)
    assert dialog.key == DialogKey(b"c1@trunk.example", b"t1", b"f1")
    assert (dialog.local_cseq, dialog.remote_cseq) == (None, 7)
    bye = read(dialog.request(b"BYE", VIA, [b"X-Test: 1"], b"body"))
    assert bye.uri == b"sip:eve@192.0.2.1:5060"
    assert [route.uri for route in bye.routes] == [b"sip:p2.example;lr", b"sip:p1.example;lr"]
    assert (bye.cseq.number, bye.from_.tag, bye.to.tag) == (1, b"t1", b"f1")
    assert (bye.value(b"x-test"), bye.body) == (b"1", b"body")
    assert read(dialog.request(b"BYE", VIA)).cseq.number == 2


@pytest.mark.parametrize("contact", ["", "Contact: <sip:a@b>, <sip:c@d>\r\n"])
def test_callee_needs_one_contact(contact: str) -> None:
    with pytest.raises(SipError, match="Bad Contact") as caught:
        callee(200, contact)
    assert request_of(caught.value) is not None


def test_the_ack_of_a_2xx_has_the_number_of_its_invite() -> None:
    dialog = caller()
    read(dialog.request(b"INFO", VIA))
    assert read(dialog.request(b"ACK", VIA, cseq=7)).cseq == (7, b"ACK")
    assert dialog.local_cseq == 8


def test_without_a_contact_the_target_stays_the_request_uri() -> None:
    assert read(caller().request(b"BYE", VIA)).uri == b"sip:600@pbx.example"


def test_a_strict_router_goes_into_the_request_uri() -> None:
    dialog = caller(200, b"Record-Route: <sip:p2.example;lr>, <sip:p1.example;x=1;method=INVITE?Subject=hi>",
                    b"Contact: <sip:600@10.0.0.10>")
    bye = read(dialog.request(b"BYE", VIA))
    assert bye.uri == b"sip:p1.example;x=1"
    assert [route.uri for route in bye.routes] == [b"sip:p2.example;lr", b"sip:600@10.0.0.10"]


@pytest.mark.parametrize(("recorded", "goes_to"), [
    (b"Record-Route: <sip:p2.example;lr>, <sip:p1.example;lr>", b"sip:p1.example;lr"),
    (b"Record-Route: <sip:p2.example;lr>, <sip:p1.example>", b"sip:p1.example"),
    (b"X-None: 1", b"sip:600@10.0.0.10"),
])
def test_where_a_request_goes_to(recorded: bytes, goes_to: bytes) -> None:
    assert caller(200, recorded, b"Contact: <sip:600@10.0.0.10>").next_hop() == goes_to


def test_a_route_that_cannot_be_read_is_sent_back_as_it_came() -> None:
    dialog = caller(200, b"Record-Route: <sip:p1.example:99999>", b"Contact: <sip:600@10.0.0.10>")
    bye = read(dialog.request(b"BYE", VIA))
    assert (bye.uri, bye.value(b"route")) == (b"sip:600@10.0.0.10", b"<sip:p1.example:99999>")


def test_an_early_dialog_is_confirmed_by_the_2xx_which_sets_the_routes_again() -> None:
    dialog = caller(180, *RECORDED)
    assert state(dialog) == "early"
    dialog.receive_response(answer(request(), 183))
    assert state(dialog) == "early"
    assert len(dialog.route_set) == 2
    dialog.receive_response(answer(request(), 200, b"Record-Route: <sip:p9.example;lr>",
                                   b"Contact: <sip:601@10.0.0.10>"))
    assert state(dialog) == "confirmed"
    assert [route.uri for route in dialog.route_set] == [b"sip:p9.example;lr"]
    assert dialog.remote_target == b"sip:601@10.0.0.10"


def test_each_branch_of_a_fork_is_a_dialog_of_its_own() -> None:
    first = Dialog.as_caller(request(), answer(request(), 180, tag=b"t1"))
    second = Dialog.as_caller(request(), answer(request(), 200, tag=b"t2"))
    assert first.key != second.key
    assert key_of_response(answer(request(), 200, tag=b"t2")) == second.key


def test_a_refusal_ends_an_early_dialog() -> None:
    dialog = caller(180)
    dialog.receive_response(answer(request(), 486))
    assert state(dialog) == "terminated"


def test_the_callee_confirms_and_ends_by_itself() -> None:
    dialog = callee(180)
    assert state(dialog) == "early"
    dialog.confirm()
    assert state(dialog) == "confirmed"
    dialog.terminate()
    dialog.confirm()
    assert state(dialog) == "terminated"


def within(method: str, cseq: int, extra: str = "") -> Request:
    return request(method, to="<sip:600@pbx.example>;tag=t1", cseq=cseq, extra=extra)


def test_a_request_of_the_far_end_finds_its_dialog() -> None:
    assert key_of_request(within("BYE", 8)) == callee().key


def test_requests_out_of_order_are_refused() -> None:
    dialog = callee()
    dialog.receive_request(within("INFO", 9))
    dialog.receive_request(within("ACK", 7))
    dialog.receive_request(within("CANCEL", 7))
    late = within("INFO", 8)
    with pytest.raises(SipError, match="500 CSeq out of order") as caught:
        dialog.receive_request(late)
    assert request_of(caught.value) is late
    assert dialog.remote_cseq == 9


def test_the_first_request_of_the_far_end_sets_its_count() -> None:
    dialog = caller()
    dialog.receive_request(within("INFO", 4000))
    assert dialog.remote_cseq == 4000


@pytest.mark.parametrize(("method", "moves"), [("INVITE", True), ("UPDATE", True), ("INFO", False)])
def test_only_a_target_refresh_moves_the_target(method: str, moves: bool) -> None:
    dialog = callee()
    dialog.receive_request(within(method, 8, "Contact: <sip:new@192.0.2.2>\r\n"))
    assert (dialog.remote_target == b"sip:new@192.0.2.2") is moves
    dialog = caller()
    dialog.receive_response(answer(within(method, 8), 200, b"Contact: <sip:new@192.0.2.2>"))
    assert (dialog.remote_target == b"sip:new@192.0.2.2") is moves


def test_a_target_refresh_without_contact_moves_nothing() -> None:
    dialog = callee()
    dialog.receive_request(within("UPDATE", 8))
    assert dialog.remote_target == b"sip:eve@192.0.2.1:5060"


def test_bye_of_the_far_end_ends_it() -> None:
    dialog = callee()
    dialog.receive_request(within("BYE", 8))
    assert state(dialog) == "terminated"


@pytest.mark.parametrize(("status", "ends"), [(481, True), (408, True), (486, False), (100, False), (200, False)])
def test_481_and_408_within_a_dialog_end_it(status: int, ends: bool) -> None:
    dialog = caller()
    dialog.receive_response(answer(within("INVITE", 8), status))
    assert (dialog.state is DialogState.TERMINATED) is ends


def test_an_element_of_rfc_2543_may_have_no_tag() -> None:
    bare = parse(answer(request(), 200).to_bytes().replace(b";tag=t1", b""))
    assert isinstance(bare, Response)
    assert Dialog.as_caller(request(), bare).key.remote_tag == b""
