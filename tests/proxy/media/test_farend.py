"""Who is believed: the first source, and instead of it one that fits better what was signalled."""

import socket

import pytest

from proxy.media.farend import FarEnd

SIGNALLED = ("192.0.2.1", 4000)
OTHER_PORT = ("192.0.2.1", 4002)
NAT = ("198.51.100.7", 1111)
STRANGER = ("203.0.113.9", 2222)


def far(host: str = SIGNALLED[0], port: int = SIGNALLED[1]) -> FarEnd:
    end = FarEnd(socket.AF_INET)
    end.aim(host, port)
    return end


def test_before_anything_came_we_send_where_was_signalled() -> None:
    end = far()
    assert (end.target, end.reports_to, end.source) == (SIGNALLED, ("192.0.2.1", 4001), None)


@pytest.mark.parametrize(("order", "believed"), [
    pytest.param([SIGNALLED], [True], id="as signalled"),
    pytest.param([SIGNALLED, STRANGER], [True, False], id="a stranger later"),
    pytest.param([NAT, STRANGER], [True, False], id="behind a NAT, a stranger later"),
    pytest.param([NAT, ("198.51.100.7", 1112)], [True, False], id="another port of the same host"),
    pytest.param([STRANGER, SIGNALLED, STRANGER], [True, True, False], id="a stranger first"),
    pytest.param([STRANGER, OTHER_PORT, STRANGER, NAT], [True, True, False, False], id="a stranger, then another port"),
    pytest.param([OTHER_PORT, ("192.0.2.1", 4004), SIGNALLED, OTHER_PORT], [True, False, True, False],
                 id="ports of the signalled host"),
])
def test_sources(order: list[tuple[str, int]], believed: list[bool]) -> None:
    end = far()
    assert [end.believe(address) for address in order] == believed
    last = [address for address, yes in zip(order, believed, strict=True) if yes][-1]
    assert (end.source, end.target, end.reports_to) == (last, last, (last[0], last[1] + 1))


@pytest.mark.parametrize("address", [NAT, STRANGER, OTHER_PORT])
def test_a_key_needs_the_signalled_address_or_audio_before_it(address: tuple[str, int]) -> None:
    end = far()
    assert end.may_press(SIGNALLED)
    assert not end.may_press(address)
    assert end.believe(address)
    assert not end.may_press(address), "packets of any kind are not enough"
    end.speaks()
    assert end.may_press(address)
    assert end.may_press(SIGNALLED)
    assert not end.may_press(("203.0.113.10", 2222))


def test_who_takes_the_place_has_not_spoken() -> None:
    end = far()
    end.believe(STRANGER)
    end.speaks()
    end.believe(OTHER_PORT)
    assert not end.may_press(OTHER_PORT)
    assert not end.may_press(STRANGER)
    end.speaks()
    end.aim("192.0.2.2", 5000)
    assert not end.may_press(OTHER_PORT)
    assert end.may_press(("192.0.2.2", 5000))


def test_where_nothing_is_signalled_audio_comes_first() -> None:
    end = far("0.0.0.0")
    assert not end.may_press(NAT)
    end.believe(NAT)
    end.speaks()
    assert end.may_press(NAT)


def test_a_new_address_is_learned_anew() -> None:
    end = far()
    assert end.believe(NAT)
    end.aim("192.0.2.2", 5000)
    assert (end.source, end.target) == (None, ("192.0.2.2", 5000))
    assert end.believe(STRANGER)


@pytest.mark.parametrize("host", ["0.0.0.0", "224.0.0.1", "phone.example", "", "2001:db8::1", "::"])
def test_where_nothing_can_be_sent_until_something_comes(host: str) -> None:
    end = far(host)
    assert (end.target, end.reports_to) == (None, None)
    assert end.believe(NAT)
    assert end.target == NAT


@pytest.mark.parametrize("port", [0, -1, 65536])
def test_ports_that_are_none(port: int) -> None:
    assert far(port=port).target is None


def test_there_is_no_port_above_the_last() -> None:
    assert far(port=65535).reports_to is None


def test_version_6() -> None:
    end = FarEnd(socket.AF_INET6)
    end.aim("2001:db8::1", 4000)
    assert end.reports_to == ("2001:db8::1", 4001, 0, 0)
    end.aim("192.0.2.1", 4000)
    assert end.target is None
    end.aim("2001:DB8:0:0::1", 4000)
    assert end.believe(("2001:db8::2", 1, 0, 0))
    assert end.believe(("2001:db8::1", 4000, 0, 0))


def test_reports_may_come_from_any_port_of_the_far_end() -> None:
    end = far()
    assert not end.reports_from(SIGNALLED)
    end.believe(NAT)
    assert end.reports_from((NAT[0], 40_000))
    assert not end.reports_from(STRANGER)
