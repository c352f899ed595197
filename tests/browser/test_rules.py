"""What a supervisor sets, clicked through in Chromium: what is saved is what the policy then says."""

import re
import tomllib
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import pytest

from proxy.console.words import LANGUAGES
from tests.kit.browser import Visitor
from tests.kit.console_site import ConsoleSite
from tests.kit.prompts_page import upload
from tests.kit.settings_page import fill, save

CAMPAIGN = "/campaigns/10001"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ConsoleSite]:
    with ConsoleSite(tmp_path_factory.mktemp("c"), past=()) as made:
        yield made


def policy(site: ConsoleSite) -> dict[str, Any]:
    """What is in force."""
    return tomllib.loads(site.verb("policy.export")["toml"])


def value_at(tables: Any, key: str) -> Any:
    for part in key.split("/"):
        tables = tables.get(part) if isinstance(tables, dict) else None
    return tables


# Callback of missed calls: three steps, company and group


def test_the_company_calls_back_in_three_steps_and_sees_an_example(visitor: Visitor, site: ConsoleSite) -> None:
    page = visitor.open("/setup")
    assert "4 or 5" in page.locator("#f-missed_callback-attempts-hint").inner_text()
    assert page.locator("[name='missed_callback.window']").evaluate_all("all => all.map(one => one.value)")[-3:] == [
        "end_of_day", "24h", "48h"]
    fill(page, {"missed_callback.enabled": "true", "missed_callback.window": "24h", "missed_callback.attempts": "6"})
    page.fill("#at", page.input_value("#at")[:10] + "T12:00")
    page.get_by_role("button", name="Show").click()
    days = page.locator("ul.days li")
    days.nth(1).wait_for()
    assert [text.count(":") - 1 for text in days.all_inner_texts()] == [3, 3], "three today, three tomorrow"
    assert "12:00, 16:00, 20:00" in days.nth(0).inner_text()
    assert page.locator("#example svg").count() == 1
    save(page)
    kept = policy(site)["missed_callback"]
    assert (kept["enabled"], kept["window"], kept["attempts"]) == (True, "24h", 6)


@pytest.mark.parametrize("attempts", ["0", "11", "many"])
def test_attempts_are_one_to_ten_and_nothing_typed_is_lost(visitor: Visitor, site: ConsoleSite, attempts: str) -> None:
    page = visitor.open("/setup")
    before = policy(site)
    fill(page, {"missed_callback.window": "48h"})
    field = page.locator("[name='missed_callback.attempts']")
    field.evaluate("(one, text) => { one.type = 'text'; one.value = text }", attempts)
    page.locator("form.settings").evaluate("form => { form.noValidate = true }")
    visitor.expected = ("422",)
    page.locator("form.settings button[value=save]").click()
    page.locator("#f-missed_callback-attempts-error").wait_for()
    visitor.complaints()
    visitor.expected = ()
    assert page.locator("[name='missed_callback.window'][value='48h']").is_checked()
    assert policy(site) == before


def test_a_group_has_its_own_and_the_page_says_where_each_value_comes_from(visitor: Visitor, site: ConsoleSite) -> None:
    page = visitor.open("/setup?group=sales")
    assert "the company has: 6" in page.locator("#f-missed_callback-attempts-level").inner_text()
    fill(page, {"missed_callback.attempts": "", "missed_callback.window": "end_of_day"})
    save(page)
    assert "Inherited from the company: 6" in page.locator("#f-missed_callback-attempts-level").inner_text()
    assert "this wins" in page.locator("#f-missed_callback-window-level").inner_text()
    own = policy(site)["group"]["sales"]["missed_callback"]
    assert ("attempts" in own, own["window"]) == (False, "end_of_day")
    page = visitor.open("/setup")
    assert "sales (" in page.locator("#f-missed_callback-window-below").inner_text(), "who has its own is named"


# Direct callback: five types, each with its sentence


def test_five_types_are_explained_beside_the_field_in_six_languages(visitor: Visitor) -> None:
    told: dict[str, list[str]] = {}
    for language in LANGUAGES:
        page = visitor.open(f"/direct?lang={language}")
        told[language] = page.locator("[name='direct_callback.type'] + label small").all_inner_texts()
    visitor.open("/direct?lang=en")
    assert all(len({*sentences}) >= 5 and all(len(one) > 20 for one in sentences[-5:]) for sentences in told.values())
    assert len({sentences[-1] for sentences in told.values()}) == len(LANGUAGES)


@pytest.mark.parametrize("kind", range(5))
def test_each_type_and_its_expiry_are_saved(visitor: Visitor, site: ConsoleSite, kind: int) -> None:
    page = visitor.open("/direct?group=service")
    fill(page, {"direct_callback.type": str(kind), "direct_callback.expires_after": str(kind + 1),
                "direct_callback.expires_after.unit": "h"})
    save(page)
    own = policy(site)["group"]["service"]["direct_callback"]
    assert (own["type"], own["expires_after"]) == (kind, f"{kind + 1}h")


# Numbers, groups, campaigns: field by field


class Row(NamedTuple):
    """What is typed where, and what the policy then says."""

    path: str
    typed: Mapping[str, str]
    kept: Mapping[str, Any]
    """By key, parted by `/`."""
    told: str = ""
    """What the page explains beside it."""
    recordings: tuple[str, ...] = ()
    """What is uploaded before: a recording can be chosen once it is there."""


C = "campaign/10001/"
ROWS = {
    "responsible of a group": Row(
        "/setup?group=service",
        {"missed_callback.responsible": "fixed", "missed_callback.responsible_agent": "205",
         "missed_callback.responsible_wait": "90", "missed_callback.responsible_wait.unit": "s"},
        {"group/service/missed_callback/responsible": "fixed", "group/service/missed_callback/responsible_agent": "205",
         "group/service/missed_callback/responsible_wait": "90s"}, "the report counts it"),
    "responsible of a campaign": Row(
        CAMPAIGN, {"responsible": "group", "responsible_group": "sales", "responsible_wait": "2",
                   "responsible_wait.unit": "m"},
        {C + "responsible": "group", C + "responsible_group": "sales", C + "responsible_wait": "2m"}),
    "number": Row(
        "/numbers/%2B3614446666",
        {"queue_callback.enabled": "true", "queue_callback.language": "hu",
         "queue_callback.offer_prompt": "our-offer", "queue_callback.confirm_prompt": "our-yes"},
        {"number/+3614446666/queue_callback/enabled": True, "number/+3614446666/queue_callback/language": "hu",
         "number/+3614446666/queue_callback/offer_prompt": "our-offer",
         "number/+3614446666/queue_callback/confirm_prompt": "our-yes"}, recordings=("our-offer", "our-yes")),
    "name and days": Row(CAMPAIGN, {"name": "Nobody answered", "from": "2026-01-01", "to": ""},
                         {C + "name": "Nobody answered", C + "from": "2026-01-01", C + "to": None}, "without end"),
    "hours, order, parity, record": Row(
        CAMPAIGN, {"hours.mode": "own", "hours": "mon-fri 09:00-17:00", "rank": "2", "parity": "3", "record": "true"},
        {C + "hours": ["mon-fri 09:00-17:00"], C + "rank": 2, C + "parity": 3, C + "record": True}),
    "queue": Row(CAMPAIGN, {"group": "service"}, {C + "group": "service"}, "its agents call back"),
    "delay, share, order, preview, priority": Row(
        CAMPAIGN, {"delay": "0", "agents_share": "40", "order": "random", "preview": "7", "preview.unit": "s",
                   "priority": "queue_empty"},
        {C + "delay": "0s", C + "agents_share": 40, C + "order": "random", C + "preview": "7s",
         C + "priority": "queue_empty"}, "below 50 % it is still one"),
    "do not call, remove": Row(
        CAMPAIGN, {"do_not_call": "+36201112233\n+36201112234", "remove_after": "90", "remove_after.unit": "m"},
        {C + "do_not_call": ["+36201112233", "+36201112234"], C + "remove_after": "90m"}, "A day is a good choice"),
    "retries": Row(CAMPAIGN, {"retries": "5", "retry_after": "20", "retry_after.unit": "m"},
                   {C + "retries": 5, C + "retry_after": "20m"}, "On busy or no answer"),
    "add when they hung up": Row(CAMPAIGN, {"add_after": "15", "add_after.unit": "s"}, {C + "add_after": "15s"}),
    "add by key": Row(CAMPAIGN, {"add_key": "5", "add_prompt": "press-five"},
                      {C + "add_key": "5", C + "add_prompt": "press-five"}, recordings=("press-five",)),
    "as a ticket": Row(CAMPAIGN, {"as_ticket": "true", "ticket_subject": "Please call %number%"},
                       {C + "as_ticket": True, C + "ticket_subject": "Please call %number%"}, "%number%"),
    "card stays": Row(CAMPAIGN, {"wrap_up": "25", "wrap_up.unit": "s"}, {C + "wrap_up": "25s"}, "busy with the card"),
}


@pytest.mark.parametrize("name", ROWS)
def test_a_row_is_saved(visitor: Visitor, site: ConsoleSite, name: str) -> None:
    row = ROWS[name]
    for recording in row.recordings:
        upload(visitor.open("/prompts"), recording, 800.0)
    page = visitor.open(row.path)
    fill(page, row.typed)
    assert row.told in page.locator("main").inner_text()
    save(page)
    kept = policy(site)
    assert {key: value_at(kept, key) for key in row.kept} == dict(row.kept)


def test_a_new_campaign_has_the_next_free_id_which_may_be_changed(visitor: Visitor, site: ConsoleSite) -> None:
    page = visitor.open("/campaigns/new")
    assert page.input_value("#id") == "10004"
    page.fill("#id", "10003")
    fill(page, {"name": "Autumn", "group": "sales"})
    visitor.expected = ("422",)
    page.locator("form.settings button[value=save]").click()
    page.locator("#id-error").wait_for()
    visitor.complaints()
    visitor.expected = ()
    assert page.input_value("[name=name]") == "Autumn", "nothing typed is lost"
    page.fill("#id", "20002")
    page.locator("form.settings button[value=save]").click()
    page.wait_for_url(re.compile("/campaigns/20002"))
    assert policy(site)["campaign"]["20002"]["name"] == "Autumn"


def test_a_campaign_that_is_over_says_so(visitor: Visitor) -> None:
    page = visitor.open("/campaigns/10003")
    assert "has expired" in page.locator("main").inner_text()
    page = visitor.open("/campaigns")
    assert "expired" in page.locator("tr", has_text="10003").inner_text().lower()


def test_a_campaign_shows_who_is_next_and_why_not_now(visitor: Visitor, site: ConsoleSite) -> None:
    site.verb("policy.set", key="campaign.20003.group", value="sales", new=True)
    site.verb("policy.set", key="campaign.20003.delay", value="1h")
    made = site.verb("callbacks.add", customer="+36204445566", group="sales", campaign="20003")
    page = visitor.open("/campaigns/20003")
    row = page.locator("#preview tbody tr", has_text=made["customer"])
    assert "until" in row.inner_text(), "its delay is not over"
