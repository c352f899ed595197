"""Texts of people, in whatever shape they come: a page shows each as it is stored, sign for sign, and as text alone."""

import time
from collections.abc import Iterator
from typing import Final

import pytest
from playwright.sync_api import Page

from proxy.demo.company.house import CUSTOMERS
from routing.events import rfc3339
from tests.browser.hostile import BACKWARDS, IMAGE, LONG, NAMES, SCRIPT, TAKEN, TEMPLATE, past, policy
from tests.kit.browser import Visitor
from tests.kit.console_site import ConsoleSite
from tests.kit.waiting import eventually

TEXTS: Final = {"script": SCRIPT, "image": IMAGE, "template": TEMPLATE, "backwards": BACKWARDS, "long": LONG}
"""In the order in which the tickets of the past have them, one for each of the first customers."""
NOTE, REASON, PAUSE = 500, 200, 64
"""Characters that each of these may have."""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ConsoleSite]:
    with ConsoleSite(tmp_path_factory.mktemp("c"), past=past(), policy=policy()) as made:
        yield made


def texts(page: Page, where: str) -> list[str]:
    """What elements say, each as a whole."""
    assert page.title() != TAKEN
    return page.locator(f"main {where}").all_text_contents()


def as_long_as(text: str, most: int) -> str:
    """As much of a text, again and again, as may be."""
    return (text * (most // len(text) + 1))[:most].strip()


@pytest.mark.parametrize("name", TEXTS)
def test_notes_and_reasons(visitor: Visitor, site: ConsoleSite, name: str) -> None:
    note, reason, pause = (as_long_as(TEXTS[name], most) for most in (NOTE, REASON, PAUSE))
    task = site.verb("callbacks.add", customer="+36204447001", group="sales", note=note, at=rfc3339(time.time() + 3600))
    site.verb("callbacks.hold", id=task["id"], reason=reason)
    page = visitor.open(f"/callbacks/{task['id']}")
    assert note in texts(page, "dd.said")
    assert any(reason in line for line in texts(page, "ol.journal li"))
    site.verb("callbacks.cancel", id=task["id"])
    site.verb("agents.pause", agent="203", reason=pause)
    page = visitor.open("/")
    eventually(lambda: any(pause in one for one in texts(page, "*")), "the board says why", every=0.2)


@pytest.mark.parametrize("name", TEXTS)
def test_tickets_and_the_do_not_call_list(visitor: Visitor, site: ConsoleSite, name: str) -> None:
    text = TEXTS[name]
    customer = CUSTOMERS[[*TEXTS].index(name)]
    [(ticket, subject)] = site.boomerang.sql(
        "SELECT id, subject FROM tickets WHERE customer=? ORDER BY number DESC LIMIT 1", customer)
    assert text.startswith(subject)
    page = visitor.open(f"/tickets/{ticket}")
    assert any(head.endswith(f": {subject}") for head in texts(page, "h1"))
    assert text in texts(page, "ol.comments p.lines")
    page = visitor.open("/do-not-call")
    assert text in texts(page, "td")


def test_names_of_agents_and_campaigns(visitor: Visitor, site: ConsoleSite) -> None:
    agents = {one["extension"]: one["name"] for one in site.verb("agents.list")}
    assert {*NAMES.values()} >= {agents[one] for one in ("201", "202", "203", "204")}
    listed = texts(visitor.open("/agents"), "table")[0]
    assert all(name in listed for name in agents.values())
    for extension in ("201", "202", "203", "204"):
        assert visitor.open(f"/agents/{extension}").input_value("[name=name]") == agents[extension]
    for one in site.verb("campaigns.list"):
        assert visitor.open(f"/campaigns/{one['id']}").input_value("[name=name]") == one["name"]


def test_the_policy_as_text(visitor: Visitor, site: ConsoleSite) -> None:
    page = visitor.open("/system/policy")
    assert page.input_value("#toml") == site.verb("policy.export")["toml"]
    assert page.title() != TAKEN

@pytest.mark.parametrize("name", TEXTS)
@pytest.mark.parametrize("path", ["/groups/new", "/agents/new"])
def test_nothing_is_made_of_such_a_name_and_it_is_said_at_its_field(visitor: Visitor, path: str, name: str) -> None:
    page = visitor.open(path)
    page.fill("#id", TEXTS[name])
    page.locator("form.settings").evaluate("form => { form.noValidate = true }")
    visitor.expected = ("422",)
    page.locator("form.settings button[value=save]").click()
    page.locator("#id-error").wait_for()
    visitor.complaints()
    visitor.expected = ()
    assert page.input_value("#id") == TEXTS[name]
    assert page.title() != TAKEN
