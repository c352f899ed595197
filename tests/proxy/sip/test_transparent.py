"""Whatever legal message comes in goes out octet for octet (hypothesis makes them up)."""

from hypothesis import given
from hypothesis import strategies as st

from proxy.sip.framing import Framer
from proxy.sip.message import Message
from proxy.sip.names import COMPACT
from proxy.sip.parser import parse

TOKEN = st.text("abcdefgXYZ019-.!%*_+`'~", min_size=1, max_size=20)
KNOWN = st.sampled_from([*COMPACT, *COMPACT.values(), b"route", b"p-asserted-identity", b"identity"]).map(bytes.decode)
GAP = st.sampled_from(["", " ", "\t", "   ", "\r\n ", " \r\n\t", "\r\n \r\n  "])
WORD = st.text(st.characters(exclude_characters="\r\n", codec="utf-8"), max_size=30)


@st.composite
def odd_case(draw: st.DrawFn, name: str) -> str:
    upper = draw(st.lists(st.booleans(), min_size=len(name), max_size=len(name)))
    return "".join(letter.upper() if up else letter for letter, up in zip(name, upper, strict=True))


@st.composite
def fields(draw: st.DrawFn) -> bytes:
    name = draw((TOKEN | KNOWN).filter(lambda each: each.lower() not in ("content-length", "l")).flatmap(odd_case))
    value = draw(st.lists(st.tuples(GAP, WORD), max_size=4))
    before = draw(st.sampled_from(["", " ", "\t "]))
    text = name + before + ":" + "".join(gap + word for gap, word in value)
    return text.encode()


@st.composite
def messages(draw: st.DrawFn) -> bytes:
    start = draw(
        st.builds("{} sip:{}@pbx.example SIP/2.0".format, TOKEN, TOKEN)
        | st.builds("SIP/2.0 {} {}".format, st.integers(100, 699), WORD)
    )
    body = draw(st.binary(max_size=80))
    length = draw(st.sampled_from([b"Content-Length: %d", b"l:%d", b"CONTENT-length \t:\r\n  0%d\r\n "])) % len(body)
    head = draw(st.lists(fields(), max_size=20))
    head.insert(draw(st.integers(0, len(head))), length)
    return b"\r\n".join((start.encode(), *head, b"", body))


@given(messages())
def test_what_comes_in_goes_out(data: bytes) -> None:
    message = parse(data)
    assert message.to_bytes() == data
    assert parse(data, stream=True).to_bytes() == data
    assert Framer().feed(data) == [data]


@given(messages())
def test_reading_changes_nothing(data: bytes) -> None:
    message = parse(data)
    for name in message.names:
        assert message.values(name)
    assert message.copy().to_bytes() == message.to_bytes() == data


@given(messages(), fields())
def test_an_edit_touches_one_field(data: bytes, field: bytes) -> None:
    message: Message = parse(data)
    message.insert_before(b"via", b"Via: SIP/2.0/UDP us")
    message.append(b"x-boomerang", field)
    added = len(b"Via: SIP/2.0/UDP us") + len(field) + 4
    assert len(message.to_bytes()) == len(data) + added
    message.drop_first_value(b"via")
    message.remove(b"x-boomerang")
    assert message.to_bytes() == data


@given(messages(), st.integers(1, 9))
def test_pieces_make_the_same_messages(data: bytes, size: int) -> None:
    framer = Framer()
    twice = data + data
    out = []
    for at in range(0, len(twice), size):
        out += framer.feed(twice[at : at + size])
    assert out == [data, data]
