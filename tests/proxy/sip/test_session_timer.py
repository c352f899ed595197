import pytest

from proxy.sip.errors import SipError
from proxy.sip.message import Response
from proxy.sip.parser import parse
from proxy.sip.reply import build_response
from proxy.sip.session_timer import MAX_SE, Agreed, SessionExpires, agreed_by, answer, min_se
from tests.proxy.sip.transaction_kit import request


def response(*fields: bytes) -> Response:
    message = parse(build_response(request(), 200, to_tag=b"t", fields=fields))
    assert isinstance(message, Response)
    return message


@pytest.mark.parametrize(("value", "expected"), [
    ("1800", SessionExpires(1800, None)),
    ("90;refresher=uac", SessionExpires(90, "uac")),
    ("90 ; refresher = UAS ;x=1", SessionExpires(90, "uas")),
    ("90;xrefresher=uac", SessionExpires(90, None)),
    ("90;refresher=uacx", SessionExpires(90, None)),
    ("999999999", SessionExpires(MAX_SE, None)),
    ("1_0", None), ("", None), ("9999999999", None), ("x", None),
])
def test_session_expires(value: str, expected: SessionExpires | None) -> None:
    assert SessionExpires.of(request(extra=f"x: {value}\r\n" if value else "")) == expected


def test_field() -> None:
    assert SessionExpires(90, None).field() == b"Session-Expires: 90"
    assert SessionExpires(90, "uas").field() == b"Session-Expires: 90;refresher=uas"


@pytest.mark.parametrize(("fields", "expected"), [
    ((), None),
    ((b"Session-Expires: 600",), Agreed(600, True)),
    ((b"Session-Expires: 600;refresher=uac",), Agreed(600, True)),
    ((b"Session-Expires: 600;refresher=uas",), Agreed(600, False)),
    ((b"Session-Expires: 5;refresher=uas",), Agreed(90, False)),
])
def test_agreed_by(fields: tuple[bytes, ...], expected: Agreed | None) -> None:
    assert agreed_by(response(*fields)) == expected


@pytest.mark.parametrize(("extra", "before", "agreed", "fields"), [
    # The far end knows no timers: we refresh, if anybody does.
    ("", None, Agreed(1800, True), (b"Session-Expires: 1800;refresher=uas",)),
    ("x: 60\r\n", None, Agreed(90, True), (b"Session-Expires: 90;refresher=uas",)),
    ("Supported: timer\r\n", None, Agreed(1800, False), (b"Session-Expires: 1800;refresher=uac", b"Require: timer")),
    ("k: timer\r\nx: 300\r\n", None, Agreed(300, False), (b"Session-Expires: 300;refresher=uac", b"Require: timer")),
    ("k: timer\r\nx: 300;refresher=uas\r\n", None, Agreed(300, True), (b"Session-Expires: 300;refresher=uas",)),
    ("Require: timer\r\nx: 300;refresher=uac\r\n", None, Agreed(300, False),
     (b"Session-Expires: 300;refresher=uac", b"Require: timer")),
    ("k: timer\r\nMin-SE: 2000\r\n", None, Agreed(2000, False),
     (b"Session-Expires: 2000;refresher=uac", b"Require: timer")),
    # A request for another reason leaves the roles as they are.
    ("k: timer\r\n", Agreed(300, True), Agreed(300, True), (b"Session-Expires: 300;refresher=uas",)),
    ("k: timer\r\n", Agreed(300, False), Agreed(300, False),
     (b"Session-Expires: 300;refresher=uac", b"Require: timer")),
])
def test_answer(extra: str, before: Agreed | None, agreed: Agreed, fields: tuple[bytes, ...]) -> None:
    assert answer(request(extra=extra), before) == (agreed, fields)


def test_too_small() -> None:
    with pytest.raises(SipError) as caught:
        answer(request(extra="Supported: timer\r\nSession-Expires: 89\r\n"))
    assert (caught.value.status, caught.value.fields) == (422, (b"Min-SE: 90",))


@pytest.mark.parametrize(("extra", "expected"), [("", 90), ("Min-SE: 30\r\n", 90), ("Min-SE: 120;x\r\n", 120),
                                                 ("Min-SE: x\r\n", 90), ("Min-SE: 999999999\r\n", MAX_SE)])
def test_min_se(extra: str, expected: int) -> None:
    assert min_se(request(extra=extra)) == expected
