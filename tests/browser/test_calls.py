"""What is set in Chromium, and the calls that are then handled so: what callers hear, and whose callback it is."""

import io
import wave
from collections.abc import Iterator
from contextlib import ExitStack
from typing import NamedTuple

import pytest

from proxy.demo.company.writing import keep
from tests.kit.browser import Browser, Visitor
from tests.kit.callback_scene import ACCEPTS, NOBODY, CallbackScene, policy
from tests.kit.console_site import ADMIN, PASSWORD, SUPERVISOR, people
from tests.kit.far_call import FarCall, Plan
from tests.kit.ports import LOOPBACK, free_port
from tests.kit.prompts_page import upload
from tests.kit.settings_page import fill, save
from tests.kit.site import SHARED
from tests.kit.spoken import told
from tests.kit.tones import heard
from tests.kit.waiting import eventually, stays

PORT = free_port()
QUEUE, SERVICE = "+3614446666", "+3614447777"
"""Numbers: one whose callers wait in a queue, and one of the service."""
SPOKEN = {"our-offer": 600.0, "our-yes": 1500.0}
"""Recordings that are uploaded: each is a tone of so many Hz."""
WINDOW = 6_400
"""Octets of audio that are listened to at once: 0.4 s."""


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CallbackScene]:
    both = {"missed_callback": {"enabled": True, "window": "24h", "attempts": 4},
            "callback": {"min_talk": "1s", "agent_ring_for": "2s", "retry_agent": "1s"}}
    rules = policy(
        number={SHARED: {"group": "sales"}, QUEUE: {"group": "sales"}, SERVICE: {"group": "service"}},
        group={"sales": {"target": "600", "agents": ["201", "202"], **both},
               "service": {"target": "601", "agents": ["203", "204"], **both}},
        direct_callback={"type": 0}, queue_callback={"offer_after": "1s"})
    made = CallbackScene(tmp_path_factory.mktemp("d"), policy=rules, login=None, office={"answers": "before_queue"},
                         extra={"console": {"listen": f"{LOOPBACK}:{PORT}"}})
    keep(made.boomerang.data, made.boomerang.name, (people(),))
    made.pbx.plans |= {QUEUE: Plan(), SERVICE: NOBODY, **dict.fromkeys(("202", "203"), NOBODY),
                       **dict.fromkeys(("201", "204"), ACCEPTS)}
    with made:
        yield made


@pytest.fixture(scope="module")
def windows(browser: Browser, scene: CallbackScene) -> Iterator[tuple[Visitor, Visitor]]:
    """The supervisor's of the sales, and an admin's."""
    with ExitStack() as stack:
        both = [stack.enter_context(browser.visit(f"http://{LOOPBACK}:{PORT}")) for _ in range(2)]
        for visitor, person in zip(both, (SUPERVISOR, ADMIN), strict=True):
            visitor.log_in(person.name, PASSWORD)
        yield both[0], both[1]


# A number: callback from its queue, language, two recordings


def played(visitor: Visitor, field: str) -> list[str]:
    """Return what the buttons beside a choice of the number's page play, by tone; what is hidden plays nothing."""
    buttons = visitor.page.locator(f"#f-queue_callback-{field}-sounds audio").locator("visible=true")
    names = []
    for place in buttons.evaluate_all("all => all.map(one => one.src)"):
        with wave.open(io.BytesIO(visitor.page.request.get(place).body())) as wav:
            pcm, rate = wav.readframes(wav.getnframes()), wav.getframerate()
        names += [name for name, hertz in SPOKEN.items() if heard(pcm, hertz, rate=rate)] or [place]
    return names


def hears(scene: CallbackScene, call: FarCall, name: str) -> None:
    """Wait until a caller has heard a recording, and not the other one with it."""
    others = [hertz for other, hertz in SPOKEN.items() if other != name]

    def did() -> bool:
        audio = scene.heard_since(call, 0)
        return any(heard(audio[at:at + WINDOW], SPOKEN[name], others)
                   for at in range(0, len(audio) - WINDOW, WINDOW // 2))

    eventually(did, f"{call.shown} hears {name}", every=0.2)


def test_callers_of_a_number_hear_its_language_and_its_two_recordings(
        scene: CallbackScene, windows: tuple[Visitor, Visitor]) -> None:
    page, caller = windows[0].page, "+36201118001"
    for name, hertz in SPOKEN.items():
        windows[0].open("/prompts")
        upload(page, name, hertz)
    windows[0].open("/numbers/%2B" + QUEUE[1:])
    fill(page, {"queue_callback.enabled": "true", "queue_callback.language": "hu",
                "queue_callback.offer_prompt": "our-offer", "queue_callback.confirm_prompt": "our-yes"})
    save(page)
    assert played(windows[0], "offer_prompt") == ["our-offer"], "one button, and it plays what was chosen"
    assert played(windows[0], "confirm_prompt") == ["our-yes"]

    call = scene.in_the_room(scene.boomerang, lambda: scene.loop.do(
        lambda: scene.carrier.dial(QUEUE, caller, scene.boomerang.hop, Plan())))
    hears(scene, call, "our-offer")
    scene.press(call, "1")
    eventually(lambda: "menu_this" in words(call), "the menu, in Hungarian", every=0.2)
    scene.press(call, "1")
    hears(scene, call, "our-yes")
    scene.until(call, "over")
    assert call.ended_by == "far"
    said = words(call)
    assert said[-1] == "goodbye"
    assert not {"offer_callback", "confirmed"} & {*said}, "what they replace"
    row = scene.task(lambda one: one["kind"] == "queue" and one["state"] == "open", "the promise", caller)
    assert row["number"] == QUEUE
    scene.boomerang.cli("callbacks", "cancel", row["id"])
    scene.all_quiet()


def words(call: FarCall) -> list[str]:
    """What was said in Hungarian."""
    assert call.rtp is not None
    return told(b"".join(one.payload for one in call.rtp.heard if one.payload_type == 8), "hu")


# Who is responsible, set for each group


class Held(NamedTuple):
    """Who is to call back, and who does after them."""

    typed: dict[str, str]
    dialled: str
    customer: str
    responsible: str
    other: str


HELD = {
    "fixed": Held({"missed_callback.responsible": "fixed", "missed_callback.responsible_agent": "202"},
                  SHARED, "+36201118002", "202", "201"),
    "last_talk": Held({"missed_callback.responsible": "last_talk"}, SERVICE, "+36201118003", "203", "204"),
}


@pytest.mark.parametrize("kind", HELD)
def test_a_responsible_who_lets_it_wait_loses_it_and_the_report_counts_it(
        scene: CallbackScene, windows: tuple[Visitor, Visitor], kind: str) -> None:
    held, admin = HELD[kind], windows[1]
    group = "sales" if held.dialled == SHARED else "service"
    page = admin.open(f"/setup?group={group}")
    fill(page, {**held.typed, "missed_callback.responsible_wait": "2", "missed_callback.responsible_wait.unit": "s"})
    save(page)
    if kind == "last_talk":
        talk = scene.loop.do(lambda: scene.pbx.dial(held.customer, held.responsible, scene.boomerang.hop, Plan()))
        scene.until(talk, "up")
        stays(lambda: talk.state == "up", "they talk for longer than a talk must last", 1.5)
        scene.hang_up(talk)
        scene.all_quiet()
    called = len(scene.carrier.to(held.customer))

    def counted() -> list[int]:
        return [released(admin, by, name) for by, name in (("day", ""), ("group", group), ("agent", held.responsible))]

    before = counted()
    scene.miss(held.customer, held.dialled)
    row = scene.task(lambda one: one["released_at"] is not None, "it is released", held.customer)
    assert (row["responsible_kind"], row["responsible"]) == (kind, held.responsible)
    scene.agent_call(1, held.other)
    page = admin.open(f"/callbacks/{row['id']}")
    facts = page.locator("dl.facts").inner_text()
    assert f"{held.responsible}; released to everybody at" in facts
    assert f"Released to everybody: {held.responsible} did not take it within" in page.locator(
        "ol.journal").inner_text()
    eventually(lambda: counted() == [one + 1 for one in before], "of the day, of the group, of the agent", every=0.2)
    scene.task(lambda one: one["state"] == "done", "somebody else keeps the promise", held.customer)
    scene.hang_up(scene.customer_call(called + 1, held.customer))
    scene.all_quiet()


def released(visitor: Visitor, by: str, name: str) -> int:
    """What the report of today says was released: of all, or of one thing."""
    day = str(visitor.page.evaluate("new Date().toLocaleDateString('sv', {timeZone: 'Europe/Budapest'})"))
    page = visitor.open(f"/reports?by={by}&from={day}&to={day}")
    if by == "day":
        return int(page.locator(".figure", has_text="Released from the responsible").locator("b").inner_text())
    row = page.locator("main table tbody tr", has=page.locator("th", has_text=name))
    if row.count() == 0:
        return 0
    heads = page.locator("main table thead th").all_text_contents()
    [place] = [number for number, text in enumerate(heads) if "Released" in text]
    return int(row.locator("th, td").nth(place).inner_text())
