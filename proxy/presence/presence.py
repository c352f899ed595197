"""Who is free, asked of the PBX itself: SUBSCRIBE to the dialog event (RFC 4235) of every agent's extension.

Rules
- Not more than RATE requests a second, first ones and refreshes together. The time asked for grows with the number of
  agents, so that refreshes keep within a quarter of RATE.
- What is lost comes back: at once where the PBX says that it forgot us or the time was over, after a growing pause
  where it does not answer, rarely where it refused. One that has no such event is asked for one extension at a time.
- A PBX that is down is not asked, and nothing is known of its agents. When it comes back every subscription is
  refreshed: it may have been started anew. So quickly that nobody saw it down: that is why one subscription after the
  other is refreshed all the time, and where one is forgotten all are.
- Nothing known is told as None: an agent of an unwatched extension is not free, they are unknown.
"""

from collections.abc import Iterable, Mapping
from functools import partial
from typing import Protocol

from proxy.presence.event_package import Over, WhenAgain
from proxy.presence.pacer import Pacer
from proxy.presence.phone_state import FREE, Doing, Seen, joined
from proxy.presence.subscription import Subscription
from proxy.presence.watched_dialog import Site
from proxy.sip.bystanders import ServerBystander
from proxy.sip.errors import SipError
from proxy.sip.hop import Flow, PeerSide
from proxy.sip.message import Request
from proxy.sip.reply import REASONS, build_response
from proxy.sip.request_error import RequestError
from proxy.sip.timers import Timer
from proxy.ua.contract import Stack
from proxy.ua.login import Accounts
from proxy.ua.wiring import chance

RATE = 20.0
"""SUBSCRIBE requests a second, to all PBXs together."""
EXPIRES = 300
"""Seconds that a subscription asks for where RATE allows it."""
FIRST_PAUSE = 5.0
LONGEST_PAUSE = 300.0
"""Seconds between two tries at what does not answer; the pause doubles from the first to the longest."""
RARELY = 900.0
"""Seconds between two tries at what was refused."""
PROBE = 20.0
"""Seconds between two subscriptions of a PBX that are refreshed before their time."""
LIVED = 30.0
"""Seconds that a subscription must have told something, for the pauses to begin anew."""
ENDS_AT_STOP = 200
"""Subscriptions that are ended properly when we stop; the others expire by themselves."""


class DialogWatch(Protocol):
    """Hears what the agents' phones do."""

    def dialog_event(self, agent: str, state: Doing | None, remote: str | None, now: float) -> None:
        """What an agent's phone does, told at each change of anything here, and of a free phone once more where the PBX
        says so unasked: it may have registered; `now` in seconds since the epoch.

        `state` None: nobody knows. `remote`: user part of who rings there, or of whom the agent talks to where the PBX
        named them while that very dialog rang: the proof of who answered. Calls that the phone placed have none.
        """


class _Agent:
    """One extension at one PBX."""

    __slots__ = ("known_since", "pause", "subscription", "timer", "user", "waits")

    def __init__(self, user: str) -> None:
        self.user = user
        self.subscription: Subscription | None = None
        self.timer: Timer | None = None
        """The next try."""
        self.waits = False
        """In the pacer's queue."""
        self.pause = 0.0
        self.known_since: float | None = None
        """When its present subscription first told something."""


class _Pbx:
    """One PBX and the extensions that are watched there."""

    __slots__ = ("agents", "down", "left_alone_until", "probe", "probed", "site", "suspected")

    def __init__(self, site: Site, down: bool) -> None:
        self.site = site
        self.agents: dict[str, _Agent] = {}
        self.down = down
        self.left_alone_until = 0.0
        """It has no such event; until then it is left alone."""
        self.probe: Timer
        """The next probe."""
        self.probed = 0
        """How many probes there were."""
        self.suspected: float | None = None
        """When it was last found to have forgotten one."""

    def known(self) -> list[Subscription]:
        """Give its subscriptions that have told something."""
        several = (agent.subscription for agent in self.agents.values())
        return [each for each in several if each is not None and each.seen() is not None]


class Presence:
    """All subscriptions of ours."""

    def __init__(self, stack: Stack, watch: DialogWatch, rate: float = RATE, probe: float = PROBE) -> None:
        """`rate`: requests a second. `probe`: seconds between two probes of a PBX."""
        self._stack = stack
        self._watch = watch
        self._rate, self._every = rate, probe
        self._pacer = Pacer(stack.timers, rate)
        self._accounts = Accounts(stack)
        self._pbxs: dict[str, _Pbx] = {}
        self._down: set[str] = set()
        """PBXs that are down, watched or not."""
        self._by_call_id: dict[bytes, Subscription] = {}
        self._told: dict[str, Seen] = {}
        """Agents whose state is known, with what was told of it."""

    # What is to be watched

    def set_agents(self, agents: Mapping[str, Iterable[str]], now: float) -> None:
        """Watch these extensions, by PBX, and no others."""
        for name in agents.keys() - self._pbxs.keys():
            pbx = self._pbxs[name] = _Pbx(Site(self._stack, name, self._accounts, self._pacer.put), name in self._down)
            pbx.probe = self._stack.timers.at(now + self._every, partial(self._probe, pbx))
        for name, pbx in self._pbxs.items():
            wanted = dict.fromkeys(agents.get(name, ()))
            for user in [user for user in pbx.agents if user not in wanted]:
                self._drop(pbx, pbx.agents.pop(user), now)
            for user in wanted:
                if user not in pbx.agents:
                    pbx.agents[user] = _Agent(user)
                    self._queue(pbx, pbx.agents[user], now)

    def peer_state(self, side: PeerSide, name: str, up: bool, now: float) -> None:
        """Take note that a peer went up or down; repeated news are none."""
        if side != "pbx":
            return
        (self._down.discard if up else self._down.add)(name)
        pbx = self._pbxs.get(name)
        if pbx is None or pbx.down is not up:
            return
        pbx.down = not up
        for agent in pbx.agents.values():
            if not up:
                self._tell(agent.user)
            elif agent.subscription is not None:
                self._pacer.put(agent.subscription.refresh, now)
                self._tell(agent.user)
            else:
                agent.pause = 0.0
                self._queue(pbx, agent, now)

    def stop(self, now: float) -> None:
        """End what is watched, as far as there is time for it."""
        everybody = [agent for pbx in self._pbxs.values() for agent in pbx.agents.values()]
        for pbx in self._pbxs.values():
            pbx.probe.cancel()
            pbx.agents.clear()  # who waits for their turn is not asked for any more
        for number, agent in enumerate(everybody):
            if agent.timer is not None:
                agent.timer.cancel()
            if agent.subscription is not None and number < ENDS_AT_STOP:
                agent.subscription.end(now)
        self._pbxs.clear()

    def watched(self) -> dict[str, int]:
        """Count, by PBX, the extensions whose state is known."""
        return {name: sum(_seen(pbx, agent) is not None for agent in pbx.agents.values())
                for name, pbx in self._pbxs.items()}

    def _probe(self, pbx: _Pbx, now: float) -> None:
        pbx.probe = self._stack.timers.at(now + self._every, partial(self._probe, pbx))
        known = [] if pbx.down else pbx.known()
        if known:
            pbx.probed += 1
            self._pacer.put(known[pbx.probed % len(known)].refresh, now)

    def _suspect(self, pbx: _Pbx, now: float) -> None:
        """One was forgotten: ask for all the others."""
        if pbx.suspected is None or now - pbx.suspected >= LIVED:
            pbx.suspected = now
            for subscription in pbx.known():
                self._pacer.put(subscription.refresh, now)

    # What comes in

    def request(self, request: Request, flow: Flow, now: float) -> bool:
        """Take a request inside one of our subscriptions; False where it belongs to none of them."""
        subscription = self._by_call_id.get(request.call_id)
        if subscription is None or request.to.tag != subscription.tag or request.method == b"ACK":
            return False
        tx = self._stack.open_server(request, flow, ServerBystander())
        try:
            if not self._stack.may_speak(flow, ()):
                raise RequestError(481, REASONS[481], request)
            if request.method != b"NOTIFY":
                raise RequestError(405, REASONS[405], request, (b"Allow: NOTIFY",))
            subscription.notify(request, now)
            tx.respond(build_response(request, 200), 200, now)
        except SipError as error:
            self._stack.note("notify_refused", agent=subscription.user, status=error.status, reason=error.reason)
            tx.respond(build_response(request, error.status, error.reason, None, error.fields), error.status, now)
        return True

    # One extension

    def _queue(self, pbx: _Pbx, agent: _Agent, now: float) -> None:
        if agent.timer is not None:
            agent.timer.cancel()
            agent.timer = None
        if not agent.waits:
            agent.waits = True
            self._pacer.put(partial(self._subscribe, pbx, agent), now)

    def _subscribe(self, pbx: _Pbx, agent: _Agent, now: float) -> None:
        agent.waits = False
        if pbx.agents.get(agent.user) is not agent or agent.subscription is not None or pbx.down:
            return
        if now < pbx.left_alone_until:
            agent.timer = self._stack.timers.at(pbx.left_alone_until, partial(self._queue, pbx, agent))
            return
        watched = sum(len(each.agents) for each in self._pbxs.values())
        expires = max(EXPIRES, int(4 * watched / self._rate))
        agent.known_since = None
        agent.subscription = Subscription(pbx.site, agent.user, _Ears(self, pbx, agent), expires)
        self._by_call_id[agent.subscription.call_id] = agent.subscription
        agent.subscription.start(now)

    def changed(self, agent: _Agent, now: float, unasked: bool = False) -> None:
        """Take note that a subscription tells something; `unasked`: because something has changed."""
        if agent.known_since is None:
            agent.known_since = now
        self._tell(agent.user, unasked)

    def over(self, pbx: _Pbx, agent: _Agent, over: Over, now: float) -> None:
        """Take note that a subscription is over, and have it tried again in time."""
        assert agent.subscription is not None
        del self._by_call_id[agent.subscription.call_id]
        agent.subscription = None
        self._tell(agent.user)
        wait = self._pause(pbx, agent, over, now)
        if over.again is WhenAgain.FORGOTTEN:
            self._suspect(pbx, now)
        if wait:
            self._stack.note("unwatched", pbx=pbx.site.pbx, agent=agent.user, why=over.why, again_in=round(wait))
        agent.timer = self._stack.timers.at(now + wait, partial(self._queue, pbx, agent))

    def _pause(self, pbx: _Pbx, agent: _Agent, over: Over, now: float) -> float:
        if agent.known_since is not None and now - agent.known_since >= LIVED:
            agent.pause = 0.0
        if over.again in (WhenAgain.RARELY, WhenAgain.NO_EVENT):
            if over.again is WhenAgain.NO_EVENT:
                pbx.left_alone_until = now + RARELY
            return RARELY
        if over.again in (WhenAgain.AT_ONCE, WhenAgain.FORGOTTEN) and not agent.pause:
            agent.pause = FIRST_PAUSE
            return 0.0
        agent.pause = min(LONGEST_PAUSE, 2 * agent.pause) if agent.pause else FIRST_PAUSE
        spread = agent.pause * (0.5 + 0.5 * chance(self._stack))
        return max(spread, over.retry_after or 0.0)

    def _drop(self, pbx: _Pbx, agent: _Agent, now: float) -> None:
        if agent.timer is not None:
            agent.timer.cancel()
        subscription, agent.subscription = agent.subscription, None
        if subscription is not None:
            subscription.end(now)
            # Its last NOTIFY is on its way.
            self._stack.timers.at(now + self._stack.values.timeout, partial(self._forget, subscription.call_id))
        self._tell(agent.user)

    def _forget(self, call_id: bytes, now: float) -> None:
        self._by_call_id.pop(call_id, None)

    def _tell(self, user: str, unasked: bool = False) -> None:
        """Tell what an agent does where that is something new.

        `unasked`: the PBX says so of its own accord. Of a phone that is as free as before it does that when it has
        registered, or does so no longer.
        """
        several = [_seen(pbx, pbx.agents[user]) for pbx in self._pbxs.values() if user in pbx.agents]
        known = [seen for seen in several if seen is not None]
        seen = joined(known) if known else None
        if seen == self._told.get(user) and not (unasked and seen == FREE):
            return
        if seen is None:
            del self._told[user]
            self._watch.dialog_event(user, None, None, self._stack.wall())
        else:
            self._told[user] = seen
            self._watch.dialog_event(user, seen.state, seen.remote, self._stack.wall())


def _seen(pbx: _Pbx, agent: _Agent) -> Seen | None:
    return None if pbx.down or agent.subscription is None else agent.subscription.seen()


class _Ears:
    """Owner of one subscription (see SubscriptionOwner)."""

    __slots__ = ("_agent", "_pbx", "_presence")

    def __init__(self, presence: Presence, pbx: _Pbx, agent: _Agent) -> None:
        self._presence, self._pbx, self._agent = presence, pbx, agent

    def changed(self, now: float, unasked: bool = False) -> None:
        self._presence.changed(self._agent, now, unasked)

    def over(self, over: Over, now: float) -> None:
        self._presence.over(self._pbx, self._agent, over, now)
