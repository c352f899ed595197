"""SIPp as carrier and as PBX, with Boomerang between them: calls of every ending, on every transport it speaks."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.kit.boomerang import Boomerang
from tests.kit.lossy import LossyLine
from tests.kit.ports import LOOPBACK, free_port
from tests.kit.sipp import Sipp
from tests.kit.site import SHARED, peer
from tests.kit.waiting import eventually

pytestmark = pytest.mark.usefixtures("sipp")

CUSTOMER = "+36201234567"
AGENT = "201"


class Two:
    """A carrier and a PBX, each with a port that it calls from and one that it is called at."""

    def __init__(self, folder: Path, transport: str = "udp", inbound: bool = True) -> None:
        self.folder, self.transport, self.inbound = folder, transport, inbound
        self.caller_port, self.callee_port = free_port(), free_port()
        self.stack = ExitStack()

    def callee(self, scenario: str, **settings: object) -> Sipp:
        """The far side, waiting."""
        kind = "u1" if self.transport == "udp" else "t1"
        made = Sipp(scenario, self.folder, port=self.callee_port, transport=kind, **settings)  # type: ignore[arg-type]
        return self.stack.enter_context(made)

    def boomerang(self, caller: int | None = None, callee: int | None = None) -> Boomerang:
        """The daemon; `caller` and `callee` where a line stands between."""
        near = peer(free_port(), caller or self.caller_port, transport=self.transport)
        far = peer(callee or self.callee_port, transport=self.transport)
        port = free_port()
        listen = [{"uri": f"tcp://{LOOPBACK}:{port}"}] if self.transport == "tcp" else []
        made = Boomerang(
            self.folder / "boomerang",
            trunks={"main": near if self.inbound else far},
            pbxs={"office": far if self.inbound else near},
            listen=listen,
            port=port,
        )
        return self.stack.enter_context(made)

    def caller(self, scenario: str, hop: int, **settings: object) -> Sipp:
        """The near side; it begins at once."""
        kind = "u1" if self.transport == "udp" else "t1"
        who, dialled = (CUSTOMER, SHARED) if self.inbound else (AGENT, CUSTOMER)
        return self.stack.enter_context(
            Sipp(
                scenario, self.folder, port=self.caller_port, remote=hop, service=dialled, keys={"caller": who},
                transport=kind, **settings,  # type: ignore[arg-type]
            )
        )  # fmt: skip


@pytest.fixture(params=["inbound", "outbound"])
def two(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Two]:
    both = Two(tmp_path, inbound=request.param == "inbound")
    with both.stack:
        yield both


@pytest.fixture(params=["inbound", "outbound"])
def two_tcp(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Two]:
    both = Two(tmp_path, "tcp", inbound=request.param == "inbound")
    with both.stack:
        yield both


def closed(boomerang: Boomerang, calls: int) -> list[tuple[int, str]]:
    """Cause and who hung up of every call, once all of them are closed in the database."""
    rows = eventually(
        lambda: [row for row in [boomerang.sql("SELECT cause, ended_by FROM calls WHERE ended_at IS NOT NULL")]
                 if len(row) == calls],
        f"{calls} closed calls in the database",
    )  # fmt: skip
    return [tuple(row) for row in rows[0]]


def test_calls_are_answered_and_the_caller_hangs_up(two: Two) -> None:
    callee = two.callee("callee")
    boomerang = two.boomerang()
    caller = two.caller("caller", boomerang.port, calls=20, rate=20)
    caller.finish()
    assert closed(boomerang, 20) == [(200, "caller")] * 20
    assert len(callee.received("BYE ")) == 20


def test_the_callee_hangs_up(two: Two) -> None:
    callee = two.callee("callee_hangs_up")
    boomerang = two.boomerang()
    two.caller("caller_waits", boomerang.port, calls=5).finish()
    assert closed(boomerang, 5) == [(200, "callee")] * 5
    eventually(lambda: callee.stats().succeeded >= 5, "every BYE of the callee is answered")


def test_the_caller_gives_up(two: Two) -> None:
    callee = two.callee("callee_silent")
    boomerang = two.boomerang()
    caller = two.caller("caller_cancels", boomerang.port, calls=5)
    caller.finish()
    assert [s for s in caller.statuses() if s == 487] == [487] * 5
    assert len(callee.received("CANCEL ")) == 5
    assert closed(boomerang, 5) == [(487, "caller")] * 5


@pytest.mark.parametrize("status", ["486 Busy Here", "480 Temporarily Unavailable", "603 Decline"])
def test_a_refusal_passes(two: Two, status: str) -> None:
    two.callee("callee_refuses", status=status)
    boomerang = two.boomerang()
    caller = two.caller("caller_refused", boomerang.port, calls=5)
    caller.finish()
    code = int(status.split()[0])
    assert [s for s in caller.statuses() if s >= 200] == [code] * 5
    assert closed(boomerang, 5) == [(code, "callee")] * 5


def test_calls_on_lines_that_lose_and_double_on_both_sides(two: Two) -> None:
    hop = free_port()
    near = two.stack.enter_context(LossyLine(two.caller_port, hop, loss=0.1, double=0.05, seed=1))
    far = two.stack.enter_context(LossyLine(two.callee_port, hop, loss=0.1, double=0.05, seed=2))
    callee = two.callee("callee_at_once", contact=far.port)
    assert callee.running
    boomerang = Boomerang(
        two.folder / "boomerang",
        trunks={"main": peer(near.port) if two.inbound else peer(far.port)},
        pbxs={"office": peer(far.port) if two.inbound else peer(near.port)},
        port=hop,
    )
    two.stack.enter_context(boomerang)
    caller = two.caller("caller", near.port, contact=near.port, calls=30, rate=10, pause_ms=3000)
    caller.finish()
    assert near.dropped + far.dropped > 10, "the lines lost too little to prove anything"
    # SIPp takes a 200 of the INVITE that comes again for the answer to its BYE, and then repeats a lost BYE no more.
    hung_up = {message.header("Call-ID") for message in callee.received("BYE ")}
    assert len(hung_up) > 20
    query = "SELECT sip_call_id FROM calls WHERE ended_at IS NOT NULL"
    eventually(lambda: {row[0] for row in boomerang.sql(query)} >= hung_up, "every call that was hung up is closed")
    eventually(lambda: len(boomerang.sql("SELECT id FROM calls")) == 30, "every call has a row")


def test_calls_over_tcp(two_tcp: Two) -> None:
    two_tcp.callee("callee")
    boomerang = two_tcp.boomerang()
    two_tcp.caller("caller", boomerang.port, calls=10).finish()
    assert closed(boomerang, 10) == [(200, "caller")] * 10


def test_a_refusal_over_tcp(two_tcp: Two) -> None:
    two_tcp.callee("callee_refuses")
    boomerang = two_tcp.boomerang()
    two_tcp.caller("caller_refused", boomerang.port, calls=5).finish()
    assert closed(boomerang, 5) == [(486, "callee")] * 5


@pytest.mark.parametrize("refusal", ["486 Busy Here", "480 Temporarily Unavailable", "404 Not Found", "603 Decline"])
def test_an_agent_who_refuses_is_not_noticed_by_the_caller(tmp_path: Path, refusal: str) -> None:
    carrier, pbx, out, back = free_port(), free_port(), free_port(), free_port()
    with (
        Sipp("pbx_agent_refuses", tmp_path, port=pbx, status=refusal) as office,
        Sipp("callee_refuses", tmp_path, port=carrier) as customer,
        Boomerang(
            tmp_path / "boomerang", trunks={"main": peer(carrier, back)}, pbxs={"office": peer(pbx, out)}
        ) as boomerang,
    ):
        tried = Sipp(
            "caller_refused", tmp_path, port=out, remote=boomerang.port, service=CUSTOMER, keys={"caller": AGENT}
        )
        with tried:
            tried.finish()
        assert customer.received("INVITE ")
        with Sipp("caller", tmp_path, port=back, remote=boomerang.port, keys={"caller": CUSTOMER}) as caller:
            caller.finish()
        assert sorted(set(caller.statuses())) in ([100, 180, 200], [180, 200])
        asked = [m.start_line.split()[1].split("@")[0] for m in office.received("INVITE ")]
        assert asked == [f"sip:{AGENT}", f"sip:{SHARED}"]
        assert office.received("INVITE ")[0].header("X-Boomerang") == f"direct; agent={AGENT}; type=1; dialled={SHARED}"
        assert office.received("INVITE ")[1].header("X-Boomerang") is None
