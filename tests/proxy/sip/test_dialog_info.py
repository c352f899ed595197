"""dialog-info documents: what phones and PBXs really send, and what nobody may send."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.sip.dialog_info import (
    MAX_DEPTH,
    MAX_DIALOGS,
    MAX_TEXT,
    DialogInfo,
    parse_dialog_info,
)
from proxy.sip.errors import SipError
from proxy.sip.limits import MAX_MESSAGE

HEAD = '<?xml version="1.0" encoding="UTF-8"?>\n'
ASTERISK = HEAD + """<dialog-info xmlns="urn:ietf:params:xml:ns:dialog-info" version="4" state="full"
 entity="sip:201@127.0.0.1:5080">
 <dialog id="201" call-id="pickup-5d1f" local-tag="201" remote-tag="x" direction="recipient">
  <local><identity>sip:201@127.0.0.1</identity><target uri="sip:201@127.0.0.1"/></local>
  <remote><identity display="Kov&#xE1;cs">sip:%2B36201234567@127.0.0.1</identity>
   <target uri="sip:201@127.0.0.1"/></remote>
  <state>early</state>
 </dialog>
</dialog-info>
"""
PREFIXED = HEAD + """<d:dialog-info xmlns:d="urn:ietf:params:xml:ns:dialog-info" version="17" state="partial"
 entity="sip:a@b">
<d:dialog id="as7d900as8" call-id="a84b4c76e66710" local-tag="1928301774" direction="initiator">
<d:state event="rejected" code="486"> Terminated </d:state><d:duration>274</d:duration>
<x:extra xmlns:x="urn:example"><x:state>confirmed</x:state><d:state>early</d:state></x:extra>
</d:dialog><d:dialog id="2"><d:state>trying</d:state></d:dialog></d:dialog-info>"""


def document(inside: str = "", head: str = 'version="1" state="full" entity="sip:201@pbx"') -> bytes:
    return f'<dialog-info xmlns="urn:ietf:params:xml:ns:dialog-info" {head}>{inside}</dialog-info>'.encode()


def refused(body: bytes) -> str:
    with pytest.raises(SipError) as caught:
        parse_dialog_info(body)
    assert caught.value.status == 400
    return caught.value.reason


def test_a_ringing_phone_as_asterisk_tells_it() -> None:
    found = parse_dialog_info(ASTERISK.encode())
    assert (found.version, found.full) == (4, True)
    dialog = found.dialogs[0]
    assert (dialog.id, dialog.state, dialog.direction) == ("201", "early", "recipient")
    assert (dialog.remote, dialog.remote_user(frozenset())) == ("sip:%2B36201234567@127.0.0.1", "+36201234567")


def test_prefixes_partial_documents_and_what_others_put_in() -> None:
    found = parse_dialog_info(PREFIXED.encode())
    assert (found.version, found.full) == (17, False)
    assert [(one.id, one.state, one.direction, one.remote) for one in found.dialogs] == [
        ("as7d900as8", "terminated", "initiator", None), ("2", "trying", None, None)]


@pytest.mark.parametrize(("identity", "user"), [
    ("sip:201@pbx", "201"), ("sips:201@pbx", "201"), ("tel:+36201234567", "+36201234567"),
    ("sip:+36201234567;phone-context=x@pbx", "+36201234567"),
    ("sip:201234567;phone-context=+49@pbx", "+49201234567"), ("tel:201;phone-context=pbx", "201"),
    ("tel:201;phone-context=x", "201;phone-context=x"), ("sip:pbx.example", None), ("", None),
    ("urn:service:sos", None), ("nonsense", None), ("sip:%ff@pbx", "\ufffd"), ("sip:a b@pbx", None),
])
def test_the_user_of_an_identity(identity: str, user: str | None) -> None:
    inside = f'<dialog id="1"><remote><identity>{identity}</identity></remote><state>early</state></dialog>'
    assert parse_dialog_info(document(inside)).dialogs[0].remote_user(frozenset({"pbx"})) == user


def test_a_target_is_no_identity() -> None:
    inside = '<dialog id="1"><remote><target uri="sip:x@y"/></remote><state>early</state></dialog>'
    assert parse_dialog_info(document(inside)).dialogs[0].remote is None


@pytest.mark.parametrize("body", [
    document(), document(head='entity="sip:a@b"'), b"<dialog-info/>", document() + b"\r\n\r\n", b"\r\n" + document(),
    document("<dialog-other/>text<!-- a comment -->"), HEAD.encode().replace(b"UTF-8", b"ISO-8859-2") + document(),
])
def test_nothing_going_on(body: bytes) -> None:
    assert parse_dialog_info(body).dialogs == ()


@pytest.mark.parametrize(("body", "why"), [
    (b"", "not well-formed"),
    (b"plain text", "not well-formed"),
    (document()[:-3], "not well-formed"),
    (document() + document(), "not well-formed"),
    (b"\xff\xfe\x00", "not well-formed"),
    (HEAD.encode().replace(b"UTF-8", b"no-such-thing") + document(), "not well-formed"),
    (HEAD.encode().replace(b"UTF-8", b"idna") + document(), "not well-formed"),
    (document("&unknown;"), "not well-formed"),
    (b"<presence/>", "another document"),
    (b'<dialog-info xmlns="urn:other"/>', "another document"),
    (document(head='version="-1"'), "version or state"),
    (document(head='version="1_0"'), "version or state"),
    (document(head='version="' + "9" * 11 + '"'), "version or state"),
    (document(head='version="1" state="half"'), "version or state"),
    (document('<dialog id="1"/>'), "dialog without a known state"),
    (document('<dialog id="1"><state>asleep</state></dialog>'), "dialog without a known state"),
    (document("<dialog><state>early</state></dialog>"), "dialog without id"),
    (document("<a>" * MAX_DEPTH + "</a>" * MAX_DEPTH), "nested too deep"),
    (document('<a xmlns="urn:x">' * MAX_DEPTH + "</a>" * MAX_DEPTH), "nested too deep"),
    (document('<dialog id="1"><state>early</state></dialog>' * (MAX_DIALOGS + 1)), "too many dialogs"),
    (document() + b" " * MAX_MESSAGE, "too large"),
])
def test_refused(body: bytes, why: str) -> None:
    assert why in refused(body)


BILLION = """<?xml version="1.0"?><!DOCTYPE d [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">
<!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;&b;&b;">]><dialog-info version="0" state="full" entity="&c;"/>"""


@pytest.mark.parametrize("body", [
    BILLION,
    '<!DOCTYPE d SYSTEM "file:///etc/passwd"><dialog-info/>',
    '<!DOCTYPE d [<!ENTITY x SYSTEM "file:///etc/passwd">]><dialog-info entity="a">&x;</dialog-info>',
    "<!DOCTYPE d><dialog-info/>",
])
def test_no_entity_is_ever_defined(body: str) -> None:
    assert "document type declaration" in refused(body.encode())


def test_text_is_bounded() -> None:
    long = "9" * 10_000
    inside = (f'<dialog id="{long}" call-id="{long}"><remote><identity display="{long}">{long}</identity>'
              '</remote><state>early</state></dialog>')
    dialog = parse_dialog_info(document(inside)).dialogs[0]
    assert dialog.remote is not None
    assert (len(dialog.id), len(dialog.remote)) == (MAX_TEXT, MAX_TEXT)


@given(st.binary(max_size=300) | st.text(max_size=300).map(lambda text: document(text)))
def test_anything_is_read_or_refused(body: bytes) -> None:
    with suppress(SipError):
        assert isinstance(parse_dialog_info(body), DialogInfo)
