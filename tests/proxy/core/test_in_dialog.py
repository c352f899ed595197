"""Requests inside a dialog that passes, and messages of an earlier process: each part alone."""

from proxy.core.after_restart import AfterRestart
from proxy.core.call_facts import CallFacts
from proxy.core.call_names import CallNames
from proxy.core.in_dialog import InDialog
from proxy.core.pass_on import DialogParts, PassOn
from proxy.core.siblings import Siblings
from proxy.sip.message import Request
from routing.facts import Ending, OpenCall
from tests.kit.world import PBX, STRANGER, TRUNK
from tests.proxy.core.workbench import HOP, Workbench, answered, request, response

CALL = "01890a5d-ac96-774b-bcce-b302099a8057"


def in_dialog(bench: Workbench) -> InDialog:
    parts = DialogParts(bench.acks, bench.reporter, bench.held, bench.named, bench.passing)
    return InDialog(bench.gate, bench.onward, bench.relays, parts, PassOn(bench.acks), bench.local, frozenset())


def inside(bench: Workbench, method: str, *fields: str) -> Request:
    token = bench.seals.token(CALL, b"ft", b"one@carrier").decode()
    return request(method, f"Route: <sip:{token}@127.0.0.1:5060;lr>", *fields, uri="sip:600@127.0.0.1:5080",
                   to_tag="tt")


def test_a_bye_ends_its_dialog() -> None:
    bench = Workbench()
    assert in_dialog(bench).take(inside(bench, "BYE"), bench.flow(), bench.now)
    answered(bench, 200, "BYE")
    assert (bench.titles(), bench.router.told("ended")) == (
        ["200 BYE"], [(Ending(200, "caller", dialog="tt"),)])


def test_a_bye_that_nobody_answers_ends_it_too_and_one_that_is_challenged_does_not() -> None:
    bench = Workbench()
    in_dialog(bench).take(inside(bench, "BYE"), bench.flow(), bench.now)
    answered(bench, 407, "BYE")
    assert bench.router.told("ended") == []
    deaf = Workbench()
    in_dialog(deaf).take(inside(deaf, "BYE"), deaf.flow(), deaf.now)
    deaf.wait(40.0)
    assert deaf.router.told("ended") == [(Ending(200, "caller", dialog="tt"),)]


def test_an_update_is_a_sign_of_life_and_anything_else_passes() -> None:
    bench = Workbench()
    for method in ("UPDATE", "INFO"):
        in_dialog(bench).take(inside(bench, method), bench.flow(), bench.now)
        answered(bench, 200, method)
        assert bench.titles() == [f"200 {method}"]
        bench.now += 1.0
    assert [fact.what for fact in bench.router.heard] == ["alive"]


def test_what_nothing_proves_is_refused() -> None:
    bench = Workbench()
    taker = in_dialog(bench)
    taker.take(request("BYE", uri="sip:600@127.0.0.1:5080", to_tag="tt"), bench.flow(STRANGER), bench.now)
    taker.take(inside(bench, "BYE"), bench.flow(STRANGER), bench.now)
    taker.take(request("NOTIFY", uri="sip:600@127.0.0.1:5080", to_tag="tt"), bench.flow(PBX), bench.now)
    taker.take(request("ACK", uri="sip:600@127.0.0.1:5080", to_tag="tt"), bench.flow(), bench.now)
    assert bench.titles() == ["481 BYE", "481 BYE", "481 NOTIFY"]
    assert bench.counters.refused == {"no_token": 1, "stranger_in_dialog": 1, "ack_without_token": 1}


def after_restart(bench: Workbench) -> AfterRestart:
    names = CallNames(bench.reporter, bench.credentials, lambda: CALL, bench.now, False)
    return AfterRestart(bench.relays, bench.reporter, bench.held, bench.named, names,
                        CallFacts(bench.peers, frozenset(), {}), bench.adoption, Siblings(), lambda: CALL)


def sent_before(bench: Workbench) -> Request:
    """An INVITE as the process before this one sent it on."""
    out = bench.sender.outgoing(request(), bench.flow(), HOP, uri=None, target=0, tried=0, loop=b"00000000",
                                token=None, call=CALL, fields=())
    assert out is not None
    return out.request


def test_a_response_to_an_earlier_process_is_passed_back_when_its_end_is_stored() -> None:
    bench = Workbench()
    bench.router.hold = True
    assert after_restart(bench).take_response(response(sent_before(bench), 486), bench.flow(PBX), bench.now)
    assert bench.titles() == ["ACK"]
    bench.router.held[0]()
    assert [(one.title, one.to) for one in bench.wire.sent] == [("486 INVITE", TRUNK)]
    assert ([call.id for call in bench.router.calls], bench.router.told("ended")) == (
        [CALL], [(Ending(486, "callee"),)])
    assert bench.counters.taken_up == 1


def test_a_response_that_is_not_ours_is_not_taken() -> None:
    bench = Workbench()
    assert not after_restart(bench).take_response(response(request(), 200), bench.flow(PBX), bench.now)
    assert bench.titles() == []


def test_a_cancel_goes_wherever_its_call_may_ring() -> None:
    bench = Workbench()
    bench.router.open["one@carrier"] = OpenCall(CALL, "main", "office", "201", "inbound")
    taker = after_restart(bench)
    assert not taker.cancel(request("CANCEL"), bench.flow(STRANGER), bench.now)
    assert taker.cancel(request("CANCEL"), bench.flow(), bench.now)
    assert [one.request.uri for one in bench.wire.sent if one.title == "CANCEL"] == [
        b"sip:201@127.0.0.1:5080", b"sip:600@127.0.0.1"]
