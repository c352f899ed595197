"""Whatever agents, PBX, customer and callers do, and whenever we die: nobody is dialled twice, no leg is left.

A request comes to its end, and an agent who has a place never hears nothing.
"""

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from routing.identity import Answers
from tests.flows.test_callback_any import plans
from tests.kit.callback_site import NUMBER, Plan
from tests.kit.queue_pbx import Takes
from tests.kit.queue_scene import SECOND, THIRD, QueueScene

MOMENTS = st.floats(0.0, 40.0)
TERMS = st.sampled_from(["", 'declined = "dispatch"\n', 'place_for = "10s"\n', 'retries = 2\nretry_after = "1m"\n',
                         'limit = "45s"\n', 'max_wait = "4s"\n'])


@st.composite
def takes(draw: st.DrawFn) -> Takes:
    """What an agent does with a place: anything."""
    keys = draw(st.lists(st.tuples(st.sampled_from([0.1, 1.0, 3.0, 9.0]), st.sampled_from("11279#")), max_size=3))
    return Takes(after=draw(st.sampled_from([0.0, 0.5, 3.0])), keys=tuple(keys),
                 hang_up=draw(st.sampled_from([None, 0.05, 2.0, 12.0])), away=draw(st.booleans()))


def watch(scene: QueueScene) -> None:
    """Look after each event."""
    before = scene.site.on_event

    def look() -> None:
        before()
        node = scene.site.node
        if node is None:
            return
        assert len([call for call in scene.site.carrier.to(SECOND) if call.open]) <= 1, scene.site.shown()
        for held in node.places._held.values():
            leg = held._leg
            if held._stage.name in ("WAITING", "TAKEN", "ACCEPTED") and leg.answered and not leg.over:
                assert node.media[leg.call].doing, f"an agent hears nothing\n{scene.site.shown()}"

    scene.site.on_event = look


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow],
          phases=[Phase.explicit, Phase.reuse, Phase.generate])
@given(answers=st.sampled_from(["before_queue", "on_agent", "auto"]), more=TERMS, shows=st.booleans(),
       first=st.lists(takes(), max_size=3), second=st.lists(takes(), max_size=3),
       customers=st.lists(plans(), min_size=1, max_size=3), agents=st.lists(plans(), min_size=1, max_size=3),
       keys=st.lists(st.tuples(MOMENTS, st.sampled_from("1111113#")), max_size=4),
       rings_in=st.lists(st.tuples(MOMENTS, st.floats(0.1, 25.0)), max_size=2),
       drops=st.lists(MOMENTS, max_size=1), beeps=st.lists(MOMENTS, max_size=1),
       crashes=st.lists(st.integers(0, 120), max_size=2))
def test_whatever_happens(answers: Answers, more: str, shows: bool, first: list[Takes], second: list[Takes],
                          customers: list[Plan], agents: list[Plan], keys: list[tuple[float, str]],
                          rings_in: list[tuple[float, float]], drops: list[float], beeps: list[float],
                          crashes: list[int]) -> None:
    scene = QueueScene({"201": [], "202": []}, more, answers=answers, shows=shows)
    site = scene.site
    watch(scene)
    site.pbx.plan("201", *agents)
    site.pbx.plan("202", *agents)
    site.carrier.plan(SECOND, *customers)

    def drop() -> None:
        for call in site.pbx.to(NUMBER):
            call.hang_up()

    for at in drops:
        site.later(at, drop)
    for at in beeps:
        def beep() -> None:
            node = site.node
            for call in site.pbx.to(NUMBER):
                if node is not None and call.call_id in node.media.sessions and node.media[call.call_id].watched:
                    node.media[call.call_id].beep()
        site.later(at, beep)

    def presses(call_id: str, key: str) -> None:
        node = site.node
        for row in () if node is None else node.ledger.calls():
            if row.sip_call_id == call_id and node is not None and row.id in node.media.sessions:
                node.media[row.id].press(key)

    def rings(patience: float, menu: bool) -> None:
        call = site.carrier.dial(NUMBER, SECOND)
        site.later(patience, call.hang_up)
        for delay, key in ((2.0, "1"), (2.4, "1"), *keys) if menu else keys:
            site.later(delay, lambda key=key: presses(call.call_id, key))  # type: ignore[misc]

    rings(6.0, True)
    site.later(1.0, lambda: site.later(9.0, site.carrier.dial(NUMBER, THIRD).hang_up))
    site.later(7.0, lambda: scene.queue.agents.update({"201": list(first), "202": list(second)}))
    for at, patience in rings_in:
        site.later(7.0 + at, lambda patience=patience: rings(patience, False))  # type: ignore[misc]
    for count in crashes:
        site.crash_at = site.events + count
        site.run(40, until=lambda: site.node is None)
        site.crash_at = None
        if site.node is None:
            site.run(0.5)
            site.start()
            scene.queue.show_all()
    site.run(60)
    # Everybody is reasonable from now on, and whoever is still on the phone hangs up.
    good = [Takes(after=0.5, keys=((1.0, "1"),))]
    scene.queue.agents.update({"201": list(good), "202": list(good)})
    site.pbx.plan("201", Plan(answer=1.0, keys=((1.0, "1"),)))
    site.pbx.plan("202", Plan(answer=1.0, keys=((1.0, "1"),)))
    site.carrier.plan(SECOND, Plan(answer=1.0, hang_up=20.0))
    site.run(150)
    for phone in (site.pbx, site.carrier):
        for call in phone.calls:
            if call.state == "up" or call.caller:
                call.hang_up()
            else:
                call.answer(480)
    site.run(2 * 3600)
    site.store.flush()
    dialled = [one for one in site.attempts() if one.customer_at is not None]
    assert len(site.carrier.to(SECOND)) <= len(dialled), site.shown()
    for task in scene.requests():
        assert task.state in ("done", "failed", "expired"), (task, site.shown())
        assert task.attempts <= task.attempts_max
        assert task.reason
    site.assert_nothing_left()
