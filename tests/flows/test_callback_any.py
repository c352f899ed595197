"""Whatever phones do and whenever we die: no customer in two legs, no dial that does not count, no promise lost."""

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.kit.callback_site import CUSTOMER, NUMBER, POLICY, Plan, Site
from tests.kit.sip_text import SDP

SECONDS = st.sampled_from([0.0, 0.1, 0.7, 2.0, 5.0, 9.0])
CUSTOMER_FIRST = POLICY.replace("[group.sales]", "[callback]\ncustomer_first = true\n[group.sales]")
CONFIRM = POLICY.replace("[group.sales]", '[callback]\nconfirm_key = "1"\n[group.sales]')
TWO = POLICY.replace('agents = ["201"]', 'agents = ["201", "202"]')


@st.composite
def plans(draw: st.DrawFn) -> Plan:
    """A phone that may do anything."""
    answer = draw(st.one_of(st.none(), SECONDS))
    keys = draw(st.lists(st.tuples(SECONDS, st.sampled_from("12115")), max_size=3))
    return Plan(
        trying=draw(st.booleans()), ring=draw(st.one_of(st.none(), SECONDS)), early=draw(st.booleans()),
        status=draw(st.sampled_from([200, 200, 200, 200, 302, 404, 480, 486, 503, 603])), answer=answer, keys=keys,
        hang_up=draw(st.one_of(st.none(), st.sampled_from([0.0, 1.0, 6.0, 20.0]))), cancel=draw(st.booleans()),
        dead=draw(st.integers(0, 9)) == 0, body=draw(st.sampled_from([SDP, SDP, SDP, b""])),
        bye_before_ack=draw(st.integers(0, 9)) == 0)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow],
          phases=[Phase.explicit, Phase.reuse, Phase.generate])
@given(policy=st.sampled_from([POLICY, CUSTOMER_FIRST, CONFIRM, TWO]), agents=st.lists(plans(), min_size=1, max_size=4),
       customers=st.lists(plans(), min_size=1, max_size=4), crashes=st.lists(st.integers(0, 80), max_size=3),
       rings_in=st.lists(st.tuples(st.floats(0.0, 60.0), st.floats(0.5, 30.0)), max_size=2))
def test_whatever_happens(policy: str, agents: list[Plan], customers: list[Plan], crashes: list[int],
                          rings_in: list[tuple[float, float]]) -> None:
    site = Site(policy)
    site.pbx.plan("201", *agents)
    site.pbx.plan("202", *agents)
    site.pbx.plan(NUMBER, Plan(status=486, answer=0.3))
    site.carrier.plan(CUSTOMER, *customers)
    site.miss()
    for at, patience in rings_in:
        def ring_in(patience: float = patience) -> None:
            call = site.carrier.dial(NUMBER, CUSTOMER)
            site.later(patience, call.hang_up)
        site.later(at, ring_in)

    def look() -> None:
        node = site.node
        if node is None:
            return
        wanted = [own.role for one in node.runner._attempts.values() for own in one._sides.legs
                  if not (own.leaving or one._end.closed)]  # else somebody hears last words
        assert wanted.count("agent") <= 1, site.shown()
        assert wanted.count("customer") + wanted.count("incoming") <= 1, site.shown()
        assert len(site.attempts_open()) <= 1, site.shown()

    site.on_event = look
    for count in crashes:
        site.crash_at = site.events + count
        site.run(90, until=lambda: site.node is None)
        site.crash_at = None
        if site.node is None:
            site.run(0.5)
            site.start()
    # Everybody is reasonable from now on, and whoever is still on the phone hangs up.
    site.pbx.plan("201", Plan(answer=1.0, keys=((1.0, "1"),)))
    site.pbx.plan("202", Plan(answer=1.0, keys=((1.0, "1"),)))
    site.carrier.plan(CUSTOMER, Plan(answer=1.0, keys=((1.0, "1"),), hang_up=20.0))
    site.run(150)
    for phone in (site.pbx, site.carrier):
        for call in phone.calls:
            if call.state == "up" or call.caller:
                call.hang_up()
            else:
                call.answer(480)
    site.run(3 * 25 * 3600)
    site.store.flush()
    dialled = [one for one in site.attempts() if one.customer_at is not None]
    assert len(site.carrier.to(CUSTOMER)) <= len(dialled), site.shown()
    for task in site.store.all_tasks.values():
        assert task.state in ("done", "failed", "expired"), (task, site.shown())
        assert task.attempts <= task.attempts_max
        assert task.reason
    site.assert_nothing_left()
