"""Whatever caller, PBX and agents do in the queue room: who waits is joined, in the menu or gone; nothing is left."""

from collections.abc import Callable

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from proxy.callbacks.queued_call import QueuedCall
from tests.flows.test_queue_room import CAMPAIGN
from tests.kit.callback_site import CUSTOMER, NUMBER, POLICY, Call, Plan, Site
from tests.kit.sip_text import SDP

ENABLED = ('queue_callback = { enabled = true, offer_after = "2s", offer_every = "5s", max_wait = "9s", '
           'limit = "10m" }\n')
SECONDS = st.sampled_from([0.0, 0.1, 0.7, 2.0, 3.0, 8.5])
OTHER = "+36201112233"

ACTIONS = ("key 1", "key 2", "key 3", "key 5", "key 9", "typed", "played", "picked up", "place answers", "place ends",
           "place rings early", "caller hangs up", "rings in", "media fails", "database", "hold", "resume", "info",
           "agent accepts", "agent declines", "operator", "connected")


class Room:
    """A site whose caller and PBX do what the test draws."""

    def __init__(self, answers: str, campaign: bool, plan: Plan) -> None:
        self.site = Site(POLICY + ENABLED + (CAMPAIGN if campaign else ""),
                         answers="on_agent" if answers == "on_agent" else "before_queue")
        self.plan = plan
        self.site.pbx.plan(NUMBER, plan)
        self.site.pbx.plan("201", Plan(answer=1.0, keys=((1.0, "1"),)))
        self.site.carrier.plan(CUSTOMER, Plan(answer=1.0, hang_up=20.0))
        self.site.carrier.plan(OTHER, Plan(answer=1.0, hang_up=20.0))
        self.call = self.site.carrier.dial(NUMBER, CUSTOMER)

    @property
    def place(self) -> Call | None:
        return next((call for call in reversed(self.site.pbx.calls) if not call.caller and call.open), None)

    def press(self, keys: str) -> None:
        for row in self.site.alive.ledger.calls():
            session = self.site.alive.media.sessions.get(row.id)
            if not row.own and session is not None:
                session.press(keys)

    def do(self, action: str) -> None:
        act: Callable[[], None] = getattr(self, "_" + action.partition(" key")[0].replace(" ", "_").rstrip("_12359"))
        if action.startswith("key"):
            self.press(action[-1])
        else:
            act()

    def _key(self) -> None:
        pass

    def _typed(self) -> None:
        self.press("06201112233#")

    def _played(self) -> None:
        for session in tuple(self.site.alive.media.sessions.values()):
            if session.tag is not None and not session.repeat:
                session.played()

    def _picked_up(self) -> None:
        ledger, now = self.site.alive.ledger, self.site.wall()
        ledger.dialog_event("201", "ringing", CUSTOMER, now)
        ledger.dialog_event("201", "busy", None, now + 1)

    def _place_answers(self) -> None:
        if self.place is not None:
            self.place.answer()

    def _place_ends(self) -> None:
        place = self.place
        if place is not None and place.state == "up":
            place.hang_up()
        elif place is not None:
            place.answer(486)

    def _place_rings_early(self) -> None:
        if self.place is not None:
            self.place.ring(183)

    def _caller_hangs_up(self) -> None:
        self.call.hang_up()

    def _rings_in(self) -> None:
        if not self.call.open:
            self.call = self.site.carrier.dial(NUMBER, CUSTOMER)

    def _media_fails(self) -> None:
        for session in tuple(self.site.alive.media.sessions.values()):
            session.fail()

    def _database(self) -> None:
        self.site.store.broken = not self.site.store.broken

    def _hold(self) -> None:
        if self.call.state == "up":
            self.call.request("INVITE", body=SDP + b"a=sendonly\r\n")

    def _resume(self) -> None:
        if self.call.state == "up":
            self.call.request("INVITE", body=SDP)

    def _info(self) -> None:
        if self.call.state == "up":
            self.call.request("UPDATE")

    def _agent_accepts(self) -> None:
        if self.place is not None:
            self.place.press("1")

    def _agent_declines(self) -> None:
        if self.place is not None:
            self.place.press("2")

    def _operator(self) -> None:
        for row in self.site.alive.ledger.calls():
            if not row.own:
                self.site.alive.room.end_call(row.id, "ended by an operator", self.site.now)

    def _connected(self) -> None:
        if self.place is not None and self.place.state == "up":
            self.place.request("UPDATE", fields=("P-Asserted-Identity: <sip:201@pbx>",))

    def look(self) -> None:
        """Whoever is in the room is joined to their place, hears something of ours, or is on their way out."""
        node = self.site.node
        if node is None:
            return
        for inside in node.room._inside.values():
            if not isinstance(inside, QueuedCall) or inside._caller is None or inside._caller.over:
                continue
            session = node.media.sessions.get(inside._caller.call)
            if inside._caller.answered and session is not None and not inside._leaving and inside._place is not None \
                    and not inside._place.over:
                heard = session.peer is not None or session.doing or inside._menu.parted
                assert heard, (session, self.site.shown())


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow],
          phases=[Phase.explicit, Phase.reuse, Phase.generate])
@given(answers=st.sampled_from(["on_agent", "before_queue"]), campaign=st.booleans(),
       answer=st.one_of(st.none(), SECONDS), status=st.sampled_from([200, 200, 200, 200, 486, 503]),
       early=st.booleans(), steps=st.lists(st.tuples(SECONDS, st.sampled_from(ACTIONS)), max_size=16))
def test_whatever_happens(answers: str, campaign: bool, answer: float | None, status: int, early: bool,
                          steps: list[tuple[float, str]]) -> None:
    room = Room(answers, campaign, Plan(ring=0.1, early=early, answer=answer, status=status))
    site = room.site
    site.on_event = room.look
    for pause, action in steps:
        site.run(pause)
        room.do(action)
    site.run(20)
    # Everybody hangs up, the database is well, and agents are there.
    site.store.broken = False
    site.pbx.plan(NUMBER, Plan(status=486, answer=0.3))
    for phone in (site.pbx, site.carrier):
        for call in phone.calls:
            if call.state == "up" or call.caller:
                call.hang_up()
            else:
                call.answer(480)
    site.run(3 * 25 * 3600)
    site.store.flush()
    for task in site.store.all_tasks.values():
        assert task.state in ("done", "failed", "expired", "cancelled"), (task, site.shown())
    site.assert_nothing_left()
