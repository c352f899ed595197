"""Registration at a trunk, played: refreshed, challenged, asked for more time, failing over, coming back, leaving."""

from dataclasses import dataclass, field
from itertools import pairwise

import pytest

from config.checks import SecretStr
from config.sections import Trunk
from proxy.services.registrations import TrunkRegistrations
from proxy.sip.message import Request
from proxy.ua.contract import Account
from proxy.ua.login import Accounts
from proxy.ua.registration import FIRST_PAUSE, LONGEST_PAUSE, Registrar, TrunkRegistration
from routing.duty import Alone
from tests.kit.actor import Actor
from tests.kit.digest_server import challenge
from tests.kit.legs import LegWorld
from tests.kit.world import PBX_2, TRUNK, World, address

CONTACT = b"Contact: <sip:acme@127.0.0.1:5060>"


@dataclass
class Watch:
    told: list[tuple[str, str, str]] = field(default_factory=list)

    def registration(self, trunk: str, state: str, reason: str, now: float) -> None:
        assert now > 1.7e9
        self.told.append((trunk, state, reason))


class Office(LegWorld):
    """A world whose trunk wants a registration, with a second address."""

    def __init__(self, expires: float = 3600.0) -> None:
        super().__init__(World(), accounts={("trunk", "main"): Account("acme", "secret", "carrier")})
        self.world.table.set_addresses(self.world.trunk, (address(TRUNK), address(PBX_2)))
        self.add(Actor("second", PBX_2))
        self.watch = Watch()
        self.registrar = Registrar(self.stack, [TrunkRegistration("main", expires)], self.watch)

    @property
    def asked(self) -> Request:
        return self["trunk"].request("REGISTER")


    def until_asked(self) -> float:
        """Let time pass to the next REGISTER; gives the seconds."""
        before = self.now
        while (due := self.world.proxy.timers.next()) is not None:
            sent = self.world.wait(due - self.now)
            for one in sent:
                self._deliver(one)
            if sent:
                return self.now - before
        raise AssertionError("nothing is asked any more")


@pytest.fixture
def office() -> Office:
    return Office()


def start(office: Office, *, seconds: int = 3600) -> None:
    office.registrar.begin("main", office.now)
    office.play("wait 0 : REGISTER > trunk")
    office.step("trunk > 200 REGISTER :", b"Contact: <sip:acme@127.0.0.1:5060>;expires=%d" % seconds)


def test_the_request(office: Office) -> None:
    office.registrar.begin("main", office.now)
    office.play("wait 0 : REGISTER > trunk")
    request = office.asked
    assert request.uri == b"sip:127.0.0.1:5070"
    assert request.from_.uri == request.to.uri == b"sip:acme@127.0.0.1:5070"
    assert request.to.tag is None
    assert request.contacts[0].uri == b"sip:acme@127.0.0.1:5060"
    assert request.value(b"expires") == b"3600"
    assert office.registrar.states() == {"main": (None, "")}


def test_refreshed_ten_minutes_before_the_end(office: Office) -> None:
    start(office)
    assert office.watch.told == [("main", "registered", "")]
    first = office.asked
    assert 2700 <= office.until_asked() <= 3000
    assert office.asked.call_id == first.call_id
    assert office.asked.from_.tag == first.from_.tag
    assert office.asked.cseq.number == 2
    office.step("trunk > 200 REGISTER :")
    assert office.watch.told == [("main", "registered", "")]


@pytest.mark.parametrize("fields", [
    (b"Contact: <sip:acme@10.1.1.1>;expires=5, <sip:acme@127.0.0.1:5060>;expires=300",),
    (b"Contact: <sip:acme@127.0.0.1:5060>;expires=300", b"Expires: 9000"),
    (b"Contact: <sip:acme@127.0.0.1:5060>", b"Expires: 300"),
    (b"Contact: <sip:somebody@10.1.1.1>;expires=5", b"Expires: 300"),
    (b"Contact: <sip:bad", b"Expires: 300"),
])
def test_what_is_granted_counts(office: Office, fields: tuple[bytes, ...]) -> None:
    office.registrar.begin("main", office.now)
    office.play("wait 0 : REGISTER > trunk")
    office.step("trunk > 200 REGISTER :", *fields)
    assert 135 <= office.until_asked() <= 150


def test_nearly_no_time_is_not_believed(office: Office) -> None:
    start(office, seconds=0)
    assert 13 <= office.until_asked() <= 15


def test_challenged(office: Office) -> None:
    office.registrar.begin("main", office.now)
    office.play("wait 0 : REGISTER > trunk")
    ask = b"WWW-Authenticate: " + challenge("carrier", "n1", "SHA-256")
    office.step("trunk > 401 REGISTER : REGISTER > trunk", ask)
    assert office.asked.cseq.number == 2
    assert b'username="acme"' in (office.asked.value(b"authorization") or b"")
    office.step("trunk > 401 REGISTER :", ask)
    assert office.watch.told == [("main", "failed", "401 Unauthorized")]


def test_wrong_realm(office: Office) -> None:
    office.registrar.begin("main", office.now)
    office.play("wait 0 : REGISTER > trunk")
    office.step("trunk > 401 REGISTER :", b"WWW-Authenticate: " + challenge("evil", "n1", "MD5"))
    assert office.watch.told[-1][1] == "failed"


def test_423_is_given_its_time_once(office: Office) -> None:
    office.registrar.begin("main", office.now)
    office.play("wait 0 : REGISTER > trunk")
    office.step("trunk > 423 REGISTER : REGISTER > trunk", b"Min-Expires: 7200")
    assert office.asked.value(b"expires") == b"7200"
    office.step("trunk > 423 REGISTER :", b"Min-Expires: 9000")
    assert office.watch.told[-1] == ("main", "failed", "423 Interval Too Brief")
    office.until_asked()
    office.step("trunk > 423 REGISTER : REGISTER > trunk", b"Min-Expires: 9000")
    assert office.asked.value(b"expires") == b"9000"


def test_503_goes_to_the_next_address_and_stays_there(office: Office) -> None:
    office.registrar.begin("main", office.now)
    office.play("wait 0 : REGISTER > trunk\ntrunk > 503 REGISTER : REGISTER > second")
    assert office["second"].request("REGISTER").uri == b"sip:127.0.0.1:5082"
    office.step("second > 200 REGISTER :", b"Expires: 600")
    assert office.watch.told == [("main", "registered", "")]
    assert 270 <= office.until_asked() <= 300
    assert office["second"].request("REGISTER").cseq.number == 3


def test_silence_and_a_dead_address(office: Office) -> None:
    office.world.wire.dead.add(PBX_2)
    office.registrar.begin("main", office.now)
    office.world.wait_into(31.9)
    assert office.watch.told == []
    office.world.wait_into(0.2)
    office.world.taken()
    assert office.watch.told == [("main", "failed", "no answer")]


def test_pauses_double_and_end_somewhere(office: Office) -> None:
    office.world.table.set_addresses(office.world.trunk, (address(TRUNK),))
    office.registrar.begin("main", office.now)
    office.play("wait 0 : REGISTER > trunk")
    pauses = []
    for _ in range(9):
        office.step("trunk > 403 REGISTER :")
        pauses.append(office.until_asked())
    assert pauses[0] >= FIRST_PAUSE / 2
    assert all(later > 1.5 * earlier for earlier, later in pairwise(pauses[:6]))
    assert LONGEST_PAUSE / 2 <= pauses[-1] <= LONGEST_PAUSE
    assert office.watch.told == [("main", "failed", "403 Forbidden")]


def test_retry_after_counts_where_it_is_longer(office: Office) -> None:
    office.world.table.set_addresses(office.world.trunk, (address(TRUNK),))
    office.registrar.begin("main", office.now)
    office.play("wait 0 : REGISTER > trunk")
    office.step("trunk > 503 REGISTER :", b"Retry-After: 500")
    assert office.until_asked() == 500


def test_nobody_is_left_alone_for_ever(office: Office) -> None:
    """A Retry-After of years would leave us unregistered for years."""
    office.world.table.set_addresses(office.world.trunk, (address(TRUNK),))
    office.registrar.begin("main", office.now)
    office.play("wait 0 : REGISTER > trunk")
    office.step("trunk > 503 REGISTER :", b"Retry-After: 4294967295 (gone fishing)")
    assert office.until_asked() == LONGEST_PAUSE


def test_a_peer_that_is_back_is_asked_at_once(office: Office) -> None:
    office.world.table.set_addresses(office.world.trunk, (address(TRUNK),))
    office.registrar.begin("main", office.now)
    office.play("wait 0 : REGISTER > trunk\ntrunk > 403 REGISTER :\nwait 1 :")
    office.registrar.peer_state("pbx", "main", True, office.now)
    office.registrar.peer_state("trunk", "main", False, office.now)
    office.registrar.peer_state("trunk", "other", True, office.now)
    office.play("wait 0 :")
    office.registrar.peer_state("trunk", "main", True, office.now)
    office.play("wait 0 : REGISTER > trunk")
    office.registrar.peer_state("trunk", "main", True, office.now)
    office.play("wait 0 :\ntrunk > 200 REGISTER :")
    office.registrar.peer_state("trunk", "main", True, office.now)
    office.play("wait 1 :")
    assert [state for _, state, _ in office.watch.told] == ["failed", "registered"]


def test_a_peer_that_stays_up_does_not_shorten_the_pauses(office: Office) -> None:
    """Each OPTIONS that it answers is told as up again: a wrong password is no reason to ask that often."""
    office.registrar.peer_state("trunk", "main", True, office.now)
    office.registrar.begin("main", office.now)
    office.play("wait 0 : REGISTER > trunk\ntrunk > 403 REGISTER :\nwait 1 :")
    for _ in range(3):
        office.registrar.peer_state("trunk", "main", True, office.now)
        office.play("wait 1 :")


def test_no_address(office: Office) -> None:
    office.world.table.set_addresses(office.world.trunk, ())
    office.registrar.begin("main", office.now)
    office.play("wait 1 :")
    assert office.watch.told == [("main", "failed", "no address")]


def test_leaving(office: Office) -> None:
    start(office)
    left: list[bool] = []
    office.registrar.stop(office.now, lambda: left.append(True))
    office.play("wait 0 : REGISTER > trunk")
    assert office.asked.value(b"expires") == b"0"
    assert left == []
    office.play("trunk > 200 REGISTER :")
    assert left == [True]
    assert office.watch.told[-1] == ("main", "gone", "")
    office.assert_nothing_left()


def test_leaving_while_asking(office: Office) -> None:
    left: list[bool] = []
    office.registrar.begin("main", office.now)
    office.play("wait 0 : REGISTER > trunk")
    office.registrar.stop(office.now, lambda: left.append(True))
    office.play("wait 0 :")
    office.step("trunk > 200 REGISTER : REGISTER > trunk", b"Expires: 600")
    assert office.asked.value(b"expires") == b"0"
    office.play("trunk > 200 REGISTER :")
    assert left == [True]


def test_leaving_without_a_binding(office: Office) -> None:
    left: list[bool] = []
    office.registrar.stop(office.now, lambda: left.append(True))
    assert left == [True]
    office.registrar.begin("main", office.now)
    office.play("wait 1 :")
    Registrar(office.stack, [], office.watch).stop(office.now, lambda: left.append(True))
    assert left == [True, True]


class OneTrunk(Alone):
    """The duty of a node among several: whether the registration is its own, as the test says."""

    def __init__(self) -> None:
        self.ours = False
        self.asked: set[str] = set()

    def goes_on(self, name: str) -> bool:
        self.asked.add(name)
        return self.ours


def test_one_of_several_nodes_registers_and_the_others_leave_it_to_that(office: Office) -> None:
    duty, alarms = OneTrunk(), dict[str, str | None]()
    trunk = Trunk(peers=("sip:127.0.0.1:5070",), register=True, username="acme", password=SecretStr("secret"))
    ours = TrunkRegistrations({"main": trunk}, office.stack, Accounts(office.stack),
                              lambda name, text: alarms.update({name: text}), duty)
    ours.turn()
    office.play("wait 0 :")
    assert duty.asked == {"registration/main"}
    duty.ours = True
    ours.turn()
    ours.turn()
    office.play("wait 0 : REGISTER > trunk")
    office.step("trunk > 200 REGISTER :")
    duty.ours = False
    ours.turn()
    office.play("wait 7200 :")  # neither kept nor taken away
    ours.peer_state("trunk", "main", up=True)
    office.play("wait 0 :")
    duty.ours = True
    ours.turn()
    office.play("wait 0 : REGISTER > trunk")
    assert office.asked.value(b"expires") == b"3600"


def test_what_is_answered_after_it_was_left_to_another_is_followed_no_more(office: Office) -> None:
    office.registrar.begin("main", office.now)
    office.play("wait 0 : REGISTER > trunk")
    office.registrar.leave_to_others("main", office.now)
    office.step("trunk > 503 REGISTER :")
    office.play("wait 7200 :")
    assert office.watch.told == [("main", "gone", "another node registers there")]
    office.registrar.begin("main", office.now)
    office.play("wait 0 : REGISTER > trunk")


def test_who_has_left_it_to_another_has_nothing_to_take_away(office: Office) -> None:
    start(office)
    office.registrar.leave_to_others("main", office.now)
    left: list[bool] = []
    office.registrar.stop(office.now, lambda: left.append(True))
    office.play("wait 0 :")
    assert left == [True]
