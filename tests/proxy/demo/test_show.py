"""What the demo prints where it is not what it usually is: a failed proof, a terminal, an encoding without ticks."""

import io
from typing import TextIO

import pytest

from proxy.demo.show import BOOMERANG, CARRIER, Show
from proxy.demo.waiting import DemoError, expect
from proxy.sip.parser import parse

INVITE = parse(b"INVITE sip:201@pbx SIP/2.0\r\nVia: SIP/2.0/UDP a;branch=z9hG4bK1\r\nCSeq: 1 INVITE\r\n"
               b"X-Boomerang: direct; agent=201\r\nContent-Length: 0\r\n\r\n")


class Terminal(io.StringIO):
    """Text that a terminal would get."""

    encoding = "utf-8"

    def isatty(self) -> bool:
        return True


def written(out: TextIO) -> str:
    out.seek(0)
    return out.read()


def text(encoding: str = "utf-8") -> io.TextIOWrapper:
    return io.TextIOWrapper(io.BytesIO(), encoding=encoding, errors="replace")


def prove(show: Show, *claims: str, fails: str | None = None) -> None:
    for claim in claims:
        with show.proof(claim):
            pass
    if fails is not None:
        with pytest.raises(DemoError), show.proof(fails):
            expect(False, "it was not so")


def test_nothing_proved_is_not_good() -> None:
    assert not Show(text()).good


def test_a_failed_proof_is_told_with_its_reason_once() -> None:
    out = text()
    show = Show(out)
    prove(show, "one", fails="two")
    show.failed("all", DemoError("it was not so"))
    show.summary(["The end"])
    assert not show.good
    assert written(out).splitlines()[-4:] == ["What was proved, and what was not", "  ✓ one", "  ✗ two: it was not so",
                                              "  - not played: The end"]


def test_an_error_outside_a_proof_is_one_that_failed() -> None:
    show = Show(text())
    prove(show, "one")
    show.failed("all", DemoError("nobody rang"))
    assert [proof.reason for proof in show.proofs] == [None, "nobody rang"]


def test_without_ticks_in_the_encoding() -> None:
    out = text("latin-1")
    show = Show(out)
    prove(show, "one", fails="two")
    show.summary([])
    assert written(out).splitlines()[-2:] == ["  ok one", "  NOT PROVED two: it was not so"]


def test_colour_is_for_terminals_that_want_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    for out, wanted in ((Terminal(), True), (text(), False)):
        show = Show(out)
        prove(show, "one")
        show.summary([])
        assert ("\x1b[32m  ✓ one\x1b[0m" in written(out)) is wanted
    monkeypatch.setenv("NO_COLOR", "1")
    plain = Terminal()
    Show(plain).say("one", "bold")
    assert written(plain) == "one\n"


def test_notes_stand_beside_the_ladder_where_there_is_room(monkeypatch: pytest.MonkeyPatch) -> None:
    for columns, rows in (("200", 1), ("80", 2)):
        monkeypatch.setenv("COLUMNS", columns)
        out = Terminal()
        Show(out).message(BOOMERANG, True, INVITE)
        lines = written(out).splitlines()
        assert len(lines) == rows
        assert "X-Boomerang: direct; agent=201" in lines[-1]


def test_what_the_network_sent_cannot_steer_the_terminal() -> None:
    out = text()
    show = Show(out)
    show.event("direct.created", {"customer": "+1\x1b[2J", "agent": "201"})
    show.failed("all", DemoError("bad \x1b[2J"))
    show.summary([])
    assert "\x1b" not in written(out)


def test_a_reader_that_went_away_is_no_error() -> None:
    class Gone(io.StringIO):
        def write(self, text: str) -> int:
            raise BrokenPipeError

    show = Show(Gone())
    show.say("one")
    show.say("two")


def test_the_arrow_says_whom_an_invite_is_for() -> None:
    out = text()
    Show(out).message(CARRIER, False, INVITE)
    assert "─ INVITE 201 ─" in written(out)
