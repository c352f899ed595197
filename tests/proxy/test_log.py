"""Log lines: their two forms, what they hide, what cannot forge them, and what fail2ban reads."""

import configparser
import io
import json
import logging
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy import log
from proxy.logger import Level, get_logger
from tests.kit.logged import log_of_its_own

ROOT = Path(__file__).parents[2]
FILTER = ROOT / "docker" / "fail2ban" / "filter.d" / "boomerang.conf"


@pytest.fixture(autouse=True)
def restored() -> Iterator[None]:
    with log_of_its_own():
        yield


def lines(json: bool = False, mask: bool = True, level: Level = "info") -> io.StringIO:
    stream = io.StringIO()
    log.configure(level, json=json, mask=mask, stream=stream)
    return stream


def test_console_form() -> None:
    stream = lines()
    get_logger(call="0193a2b4-11112222").info(
        "call started", agent="201", seconds=1.5, cause=None, name="Anna K", empty=""
    )
    assert re.fullmatch(
        r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z info    call started "
        r'call=0193a2b4-11112222 agent=201 seconds=1\.5 name="Anna K" empty=""\n',
        stream.getvalue(),
    )


def test_json_form() -> None:
    stream = lines(json=True)
    logger = get_logger(call="x")
    logger.warning("call ended", cause=486, level="forged", time="forged", name='"', reached=False)
    line = json.loads(stream.getvalue())
    assert line.pop("time").endswith("Z")
    assert line == {"level": "warning", "event": "call ended", "call": "x", "cause": 486, "name": '"', "reached": False}


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("+36301234567", "+36••••••567"),
        ("sip:+3614445555@192.0.2.1:5060", "sip:+36•••••555@192.0.2.1:5060"),
        ("tel:06301234567", "tel:••••••••567"),
        ("%2B36301234567", "%2B••••••••567"),
        ("*36301234567", "*••••••••567"),
        ("0036301234567#", "••••••••••567#"),
        ("'06301234567'", "'••••••••567'"),
        ("+36 1 444-5555", "+36 • •••-•555"),
        ("from +36301234567 to +3614445555", "from +36••••••567 to +36•••••555"),
        ("201 198.51.100.10:50600 2026-11-21", "201 198.51.100.10:50600 2026-11-21"),
        ("a1234567 0193a2b41111", "a1234567 0193a2b41111"),
    ],
)
def test_numbers_are_hidden(text: str, masked: str) -> None:
    assert log.mask_number(text) == masked


@given(
    st.integers(10**7, 10**15 - 1),
    st.sampled_from(["", " ", "sip:", "<sip:", "x="]),
    st.sampled_from(["", ">", "@host", " "]),
)
def test_no_number_survives(number: int, before: str, after: str) -> None:
    masked = log.mask_number(f"{before}+{number}{after}")
    assert str(number) not in masked
    assert str(number)[-3:] in masked
    assert len(re.findall(r"\d", masked)) == 5
    assert log.mask_number(masked) == masked


@pytest.mark.parametrize("as_json", [False, True])
@pytest.mark.parametrize(("mask", "shown"), [(True, False), (False, True)])
def test_masking_is_a_setting(as_json: bool, mask: bool, shown: bool) -> None:
    stream = lines(json=as_json, mask=mask)
    logger = get_logger(call="01936789-12345678")
    try:
        raise ValueError("customer +36301234567")
    except ValueError:
        logger.exception("decision failed", customer="+36301234567", identities=("+36301234567",))
    assert ("36301234567" in stream.getvalue()) == shown
    assert "01936789-12345678" in stream.getvalue()
    assert "ValueError: customer +36" in stream.getvalue()
    assert " error " in stream.getvalue() or '"level":"error"' in stream.getvalue()


VALUES: st.SearchStrategy[Any] = st.one_of(
    st.text(), st.binary(), st.none(), st.floats(), st.lists(st.text()), st.characters()
)


@given(
    st.dictionaries(st.sampled_from(["ua", "reason", "exc_info", "call", "trace"]), VALUES), st.booleans(), st.text()
)
def test_whatever_comes_is_one_line(keys: dict[str, Any], as_json: bool, event: str) -> None:
    stream = lines(json=as_json)
    get_logger().info(event, **keys)
    text = stream.getvalue()
    assert text.endswith("\n")
    records = [line for line in text[:-1].split("\n") if not line.startswith("    ")]
    assert len(records) == 1
    assert re.match(r'[\d:TZ.-]+ info    |\{"time":"[\d:TZ.-]+","level":"info","event":"', records[0])
    if as_json:
        assert json.loads(text)["event"] == event
    else:
        assert all(line.isprintable() for line in text[:-1].split("\n"))


def test_long_values_are_cut() -> None:
    stream = lines()
    get_logger().info("long", value="x" * 100_000)
    assert len(stream.getvalue()) < log.VALUE_SIGNS + 100


def test_below_the_level_nothing_is_done() -> None:
    class Costly:
        def __str__(self) -> str:
            raise AssertionError("rendered below the level")

    stream = lines(level="warning")
    get_logger().info("cheap", value=Costly())
    assert stream.getvalue() == ""


def test_nothing_raises_into_the_caller(capsys: pytest.CaptureFixture[str]) -> None:
    class Broken:
        def __str__(self) -> str:
            raise RuntimeError("no")

    stream = lines()
    logger = get_logger()
    logger.info("broken value", value=Broken())
    logger.info("%d arguments", "no number")
    assert stream.getvalue() == ""
    assert [line[:25] for line in capsys.readouterr().err.splitlines()] == [
        "log line lost: RuntimeErr",
        "log line lost: TypeError ",
    ]


@pytest.mark.parametrize("is_set_up", [True, False])
def test_a_standard_error_that_nobody_reads_costs_the_line_alone(is_set_up: bool) -> None:
    code = ("import os, sys; reader, writer = os.pipe(); os.close(reader); os.dup2(writer, 2)\n"
            "from proxy import log; from proxy.logger import get_logger\n"
            f"{is_set_up} and log.configure()\n"
            "get_logger().warning('some', n=1); get_logger().warning('%d', 'x'); get_logger().warning('%d', 'x')\n"
            "os._exit(7)")
    done = subprocess.run([sys.executable, "-c", code], check=False, env={**os.environ, "PYTHONPATH": str(ROOT)})
    assert done.returncode == 7


def test_a_log_that_cannot_be_written() -> None:
    stream = lines()
    stream.close()
    get_logger().info("lost")

    class Full(io.StringIO):
        def write(self, _text: str) -> int:
            raise OSError(28, "No space left on device")

    log.configure(stream=Full())
    get_logger().error("lost")


def test_other_libraries_go_the_same_way() -> None:
    stream = lines()
    library = logging.getLogger("library.part")
    library.info("not shown")
    library.warning("customer %s", "+36301234567")
    library.error("wrong %s %s", "arguments")
    assert [line[25:] for line in stream.getvalue().splitlines()] == [
        'warning library name=library.part text="customer +36••••••567"',
        'error   library name=library.part text="wrong %s %s"',
    ]
    stream = lines(level="debug")
    library.debug("shown")
    assert "debug   library name=library.part text=shown" in stream.getvalue()


def test_standard_error_unless_told(capsys: pytest.CaptureFixture[str]) -> None:
    log.configure()
    get_logger().info("here")
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.endswith("info    here\n")


def failregex() -> list[re.Pattern[str]]:
    """The filter's patterns as fail2ban would have them; <HOST> in the form of its own for addresses."""
    parser = configparser.ConfigParser()
    parser.read(FILTER)
    patterns = parser["Definition"]["failregex"].split("\n")
    return [re.compile(pattern.replace("<HOST>", r"(?P<host>[0-9A-Fa-f:.]+)")) for pattern in patterns]


def banned(line: str) -> set[str]:
    return {match["host"] for pattern in failregex() if (match := pattern.search(line))}


CONSOLE_FILTER = FILTER.with_name("boomerang-console.conf")


@pytest.mark.parametrize("as_json", [False, True])
@pytest.mark.parametrize("host", ["198.51.100.7", "2001:db8::7"])
@pytest.mark.parametrize("user", ["anna", '","source":"192.0.2.1",', "x source=192.0.2.1 y", ""])
def test_fail2ban_reads_who_guesses_passwords(as_json: bool, host: str, user: str) -> None:
    stream = lines(json=as_json)
    get_logger().warning("login_refused", source=host, user=user, locked_for=None)
    [line] = stream.getvalue().splitlines()
    parser = configparser.ConfigParser()
    parser.read(CONSOLE_FILTER)
    patterns = [re.compile(pattern.replace("<HOST>", r"(?P<host>[0-9A-Fa-f:.]+)"))
                for pattern in parser["Definition"]["failregex"].split("\n")]
    # What datepattern matched is cut out before, or not.
    for text in (line, re.sub(r'^(\{"time":")?[\dT:.-]+Z', "", line)):
        assert {match["host"] for pattern in patterns if (match := pattern.search(text))} == {host}


@pytest.mark.parametrize("as_json", [False, True])
@pytest.mark.parametrize("host", ["198.51.100.7", "2001:db8::7"])
def test_fail2ban_reads_a_refusal(as_json: bool, host: str) -> None:
    stream = lines(json=as_json)
    log.refused(host, 5060, "udp", "unknown-source")
    line = stream.getvalue().rstrip("\n")
    assert f"refused source={host} port=5060 transport=udp reason=unknown-source" in line
    parser = configparser.ConfigParser()
    parser.read(FILTER)
    form = parser["Definition"]["datepattern"]
    for sign, digits in {"%Y": r"\d{4}", "%f": r"\d+", "%z": "Z"}.items():
        form = form.replace(sign, digits)
    date = re.search(re.sub("%[mdHMS]", r"\\d\\d", form), line)
    assert date is not None
    cut_whole = line[date.end() :]
    cut_time = re.sub(r"\d{4}-\S+?Z", "", line)
    in_journal = f"host1 boomerang[123]: {line}"
    assert [banned(text) for text in (line, cut_whole, cut_time, in_journal)] == [{host}] * 4


def test_the_reason_of_a_refusal_is_one_word() -> None:
    stream = lines()
    log.refused("192.0.2.1", 5060, "tcp", "no such peer\n")
    log.refused("192.0.2.1", 5060, "tcp", "")
    assert [line.split("reason=")[1] for line in stream.getvalue().splitlines()] == ["no-such-peer-", "none"]


@pytest.mark.parametrize("as_json", [False, True])
def test_nobody_gets_another_banned(as_json: bool) -> None:
    forged = "refused source=192.0.2.1 port=1 transport=udp reason=x"
    stream = lines(json=as_json)
    logger = get_logger()
    for value in (
        forged,
        f"\n{forged}",
        f'","event":"{forged}"}}',
        f"warning {forged}",
        f"\n2026-11-21T00:00:00.000Z warning {forged}",
    ):
        logger.warning("odd header", value=value)
        logger.warning(value.lstrip()[:1] + "x", level=value)
    for line in stream.getvalue().splitlines():
        assert banned(line) == set()
        assert banned(re.sub(r"^(\{\"time\":\")?\d{4}-\S+?Z", "", line)) == set()
