"""A call as a script, one line a step: who sends what, and what must leave the proxy because of it.

    trunk > INVITE    : 100 > trunk, INVITE > pbx
    pbx > 180         : 180 > trunk
    wait 20           : CANCEL > pbx
    trunk > again     : 180 > trunk

- Nothing behind the colon means that nothing may leave. `3x INVITE > pbx` stands for the same thing three times.
- A response is named by its status, and its method where that is not INVITE: `200 BYE`.
- `again` sends the last message once more. Options: `tag=x` (To tag), `branch=invite`
  (an ACK with the INVITE's branch).
- When a step does not go as written, the failure shows the whole ladder and the difference.
"""

import difflib

from proxy.sip.hop import Transport
from proxy.sip.message import Message, Request
from proxy.sip.uri import Uri
from routing.facts import Decision, Ending, Target
from tests.kit.actor import Actor, title_of
from tests.kit.world import PBX, TRUNK, Sent, World

LONG = 300.0
"""Seconds after which nothing of a call may be left: more than Timer C and all that follows it."""


class Script:
    """Plays a call in a world with `trunk`, `pbx` and `agent` (extension 201 of that PBX)."""

    def __init__(self, world: World | None = None, *, trunk: Transport = "udp", pbx: Transport = "udp",
                 pbx_place: tuple[str, int] = PBX) -> None:
        self.world = world or World()
        self.actors: dict[str, Actor] = {}
        self.ladder: list[str] = []
        self.last: list[Sent] = []
        """What left at the last step."""
        self.add(Actor("trunk", TRUNK, transport=trunk))
        self.add(Actor("agent", pbx_place, user="201", transport=pbx))
        self.add(Actor("pbx", pbx_place, transport=pbx))

    def add(self, actor: Actor) -> Actor:
        """Put one more phone on the wire."""
        self.actors[actor.name] = actor
        return actor

    def __getitem__(self, name: str) -> Actor:
        return self.actors[name]

    def direct_to_agent(self, ring_for: float = 20.0) -> None:
        """From now on calls ring the agent first."""
        agent = Target("201", ring_for, (("X-Boomerang", "direct; agent=201; type=2; dialled=+3614445555"),))
        self.world.router.decision = lambda call: Decision((agent, Target()), "office", "direct")

    def play(self, text: str) -> None:
        """Play all lines of a script."""
        for line in text.splitlines():
            if line.strip():
                self.step(line.strip())

    def step(self, line: str, *fields: bytes, body: bytes = b"") -> list[Sent]:
        """Play one line; `fields` and `body` go into the message that is sent. Gives what left."""
        what, _, wanted = line.partition(" : ")
        if what.startswith("wait "):
            self.ladder.append(f"{self.world.now:9.3f}  {what}")
            self.last = self.world.wait(float(what.split()[1]))
        else:
            who, _, title = what.partition(" > ")
            self.last = self._send(self.actors[who.strip()], title.split(), fields, body)
        seen = [self._deliver(sent) for sent in self.last]
        expected = [one for part in wanted.split(",") if part.strip() for one in _unfold(part.strip())]
        if seen != expected:
            raise AssertionError(self._difference(line, expected, seen))
        return self.last

    def _send(self, actor: Actor, words: list[str], fields: tuple[bytes, ...], body: bytes) -> list[Sent]:
        options = dict(word.split("=") for word in words if "=" in word)
        plain = [word for word in words if "=" not in word]
        if plain == ["again"]:
            data = actor.sent[-1]
        elif plain[0].isdigit():
            data = actor.answer(int(plain[0]), (*plain, "INVITE")[1], fields, body, tag=options.get("tag", ""))
        else:
            data = actor.write(plain[0], fields, body, tag=options.get("tag", ""), branch=options.get("branch", ""))
        actor.check_route(data, actor.flow(self.world.wire.listeners).listener)
        return self.send(actor, data, " ".join(words))

    def send(self, actor: Actor, data: bytes, title: str = "") -> list[Sent]:
        """Have an actor send these very bytes; gives what leaves, which nobody has received yet."""
        actor.sent.append(data)
        self.ladder.append(f"{self.world.now:9.3f}  {actor.name} > {title or data.partition(b' SIP')[0].decode()}")
        self.world.proxy.receive(data, actor.flow(self.world.wire.listeners), self.world.waited)
        return self.world.taken()

    def _deliver(self, sent: Sent) -> str:
        message = sent.message
        actor = self._whose(sent, message)
        name = actor.name if actor is not None else f"{sent.transport}:{sent.to[0]}:{sent.to[1]}"
        if actor is not None:
            actor.take(message)
        seen = f"{title_of(message)} > {name}"
        shown = f"   {message.uri.decode()}" if isinstance(message, Request) else ""
        self.ladder.append(f"{self.world.now:9.3f}      {seen}{shown}")
        return seen

    def _whose(self, sent: Sent, message: Message) -> Actor | None:
        here = [actor for actor in self.actors.values() if actor.place == sent.to and actor.transport == sent.transport]
        if len(here) < 2:
            return here[0] if here else None
        branch, tag = message.via.branch or b"", message.to.tag
        if not isinstance(message, Request):
            mine = [actor for actor in here if any(branch in data for data in actor.sent)]
        elif message.method == b"CANCEL" or (message.method == b"ACK" and any(
                one.via.branch == branch for actor in here for one in actor.received)):
            mine = [actor for actor in here if any(one.via.branch == branch for one in actor.received)]
        elif tag is not None:
            mine = [actor for actor in here if tag.startswith(actor.tag)]
        else:
            user = Uri.parse(message.uri).user.decode()
            mine = [actor for actor in here if actor.user == user]
        return mine[0] if mine else next(actor for actor in here if actor.user is None)

    def _difference(self, line: str, expected: list[str], seen: list[str]) -> str:
        changes = "\n".join(difflib.ndiff(expected, seen))
        notes = "\n".join(str(one) for one in (*self.world.notes.lines[-5:], *self.world.notes.failures))
        return f"{line}\n\n" + "\n".join(self.ladder) + f"\n\nexpected (-) and seen (+):\n{changes}\n\n{notes}"

    # -- what is known afterwards

    @property
    def facts(self) -> list[str]:
        """What the router was told, one line each: `ringing 0`, `target_failed 0 486`, `ended 200 caller`."""
        shown = []
        for fact in self.world.router.heard:
            values = fact.facts
            if isinstance(values[0], Ending):
                values = (*values[0][:2], *(("elsewhere",) if values[0].elsewhere else ()))
            values = values[:1] if fact.what == "answered" else () if fact.what == "alive" else values
            shown.append(" ".join((fact.what, *map(str, values))))
        return shown

    def assert_nothing_left(self) -> None:
        """Let a long time pass: then no transaction, no pending request and no timer is left."""
        self.world.wait(LONG)
        proxy = self.world.proxy
        kept = proxy.transactions
        left = (list(kept.clients), list(proxy.relays.by_key), list(kept.servers), list(kept.kin), proxy.pending.count,
                len(proxy.timers), len(proxy.credentials))
        assert left == ([], [], [], [], 0, 0, 0), left
        assert self.world.notes.failures == [], self.world.notes.failures


def _unfold(part: str) -> list[str]:
    count, times, rest = part.partition("x ")
    return [rest] * int(count) if times and count.isdigit() else [part]
