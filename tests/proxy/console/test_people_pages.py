"""Users, tokens and the audit log by their pages: a real console process before a real daemon."""

import html
import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from tests.kit.console import PASSWORD, Company, Visitor, wait_for_console, with_console
from tests.kit.waiting import eventually

POLICY = {"group": {"sales": {"target": "600", "agents": ["201"]}, "support": {"target": "601"}}}
BUDAPEST = ZoneInfo("Europe/Budapest")
HOSTILE = "<script>alert('x')</script>\"\u202e"


@pytest.fixture(scope="module")
def company(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Company]:
    folder: Path = tmp_path_factory.mktemp("people")
    daemon, port = with_console(folder, policy=POLICY)
    with daemon:
        made = Company(daemon, port)
        made.ask("users.add", name="boss", role="admin", password=PASSWORD)
        made.ask("users.add", name="sue", role="supervisor", groups=["sales"], password=PASSWORD)
        wait_for_console(port)
        yield made


def secret_in(text: str) -> str:
    found = re.search(r'<code class="secret">([^<]+)</code>', text)
    assert found is not None, text
    return html.unescape(found[1])


def test_a_user_is_added_logs_in_and_is_locked_out(company: Company) -> None:
    boss = company.visitor("boss")
    answer = boss.post("/users", {"do": "add", "name": "peter", "role": "agent", "agent": "201"})
    assert answer.status == 200
    password = secret_in(answer.text)
    peter = Visitor(company.port)
    assert peter.log_in("peter", password).status == 303
    assert peter.get("/users").status == 403
    page = boss.get("/users?name=peter").text
    assert "Sessions" in page
    assert boss.post("/users", {"do": "disable", "name": "peter"}).status == 303
    assert Visitor(company.port).log_in("peter", password).status == 401
    assert peter.get("/logout").status == 303, "the session is over"
    assert boss.post("/users", {"do": "enable", "name": "peter"}).status == 303
    again = secret_in(boss.post("/users", {"do": "passwd", "name": "peter"}).text)
    assert Visitor(company.port).log_in("peter", password).status == 401
    assert Visitor(company.port).log_in("peter", again).status == 303


def test_what_is_refused_is_said_in_the_language_of_the_page(company: Company) -> None:
    boss = company.visitor("boss")
    again = {"do": "add", "name": "sue", "role": "supervisor", "groups": "sales"}
    assert "es gibt schon einen Benutzer &#39;sue&#39;" in boss.post("/users?lang=de", again).text
    wrong = {"do": "add", "name": "eva", "role": "agent", "agent": "201", "password": "short"}
    page = boss.post("/users?lang=sk", wrong).text
    assert re.search(r'class="field-error"[^>]*>heslo má 5 znakov', page), "at its field"
    told = "users.add ist für die Rolle Administrator, und sue hat die Rolle Teamleiter"
    assert f'<span class="said">{told}</span>' in company.visitor("sue").post("/users?lang=de", again).text
    eventually(lambda: f'<span class="said">{told}</span>' in boss.get("/audit?lang=de&refused=yes").text, "its line")
    page = boss.get("/audit?lang=en&refused=yes").text
    assert '<span class="said">users.add is for the role admin, and sue is supervisor</span>' in page


def test_an_agent_without_an_extension_is_added_and_it_is_said_what_that_means(company: Company) -> None:
    boss = company.visitor("boss")
    for name, extension, said in (("bela", "", True), ("bora", "203", False)):
        page = boss.post("/users", {"do": "add", "name": name, "role": "agent", "agent": extension})
        assert ("Without an extension the desk" in page.text) is said


def test_what_cannot_be_is_said_at_its_field_and_what_was_typed_stands(company: Company) -> None:
    boss = company.visitor("boss")
    answer = boss.post("/users", {"do": "add", "name": HOSTILE, "role": "admin", "agent": "201"})
    assert answer.status == 422
    assert 'id="f-agent-error"' in answer.text
    assert html.escape(HOSTILE, quote=True).replace("&#x27;", "&#39;").replace("&quot;", "&#34;") in answer.text
    assert "<script>alert" not in answer.text
    answer = boss.post("/users", {"do": "disable", "name": "boss"})
    assert answer.status == 409
    assert "boss is the only admin who may log in" in html.unescape(answer.text)
    assert boss.get("/users?name=nobody").status == 404


def test_a_hostile_name_is_shown_as_text_and_can_be_worked_with(company: Company) -> None:
    boss = company.visitor("boss")
    name = "<b>\"'&?#/ %ž</b>"
    assert boss.post("/users", {"do": "add", "name": name, "role": "agent", "agent": "299"}).status == 200
    page = boss.get("/users").text
    assert "<b>" not in page
    link = next(one for one in re.findall(r'href="(/users\?name=[^"]+)"', page) if "%3Cb%3E" in one)
    assert boss.get(html.unescape(link)).status == 200
    assert boss.post("/users", {"do": "disable", "name": name}).status == 303


def test_a_token_is_made_used_and_revoked(company: Company) -> None:
    boss = company.visitor("boss")
    wanted = {"name": "crm", "role": "supervisor", "groups": "sales", "expires": "90", "expires.unit": "d"}
    answer = boss.post("/tokens", {"do": "add", **wanted})
    token = secret_in(answer.text)
    assert token.startswith("bmr_")
    assert token not in boss.get("/tokens").text
    made = next(one for one in company.ask("tokens.list") if one["name"] == "crm")
    span = datetime.fromisoformat(made["expires"]) - datetime.fromisoformat(made["created"])
    assert span == timedelta(days=90)
    assert boss.post("/tokens", {"do": "add", "name": "x", "role": "admin", "expires": "soon"}).status == 422
    assert boss.post("/tokens", {"do": "revoke", "name": "crm"}).status == 303
    assert "badge-revoked" in boss.get("/tokens").text


def test_the_audit_log_has_it_all_and_is_for_admins(company: Company) -> None:
    boss, sue = company.visitor("boss"), company.visitor("sue")
    assert sue.post("/tokens", {"do": "add", "name": "mine", "role": "admin"}).status == 403
    company.ask("policy.set", key="group.sales.hours", value=["mon-fri 08:00-17:00"])
    page = html.unescape(boss.get("/audit").text)
    for said in ("tokens.add", "policy.set", "group.sales.hours", "mon-fri 08:00-17:00", "refused", "sue"):
        assert said in page
    assert "sue" not in re.sub(r"(?s)<header.*?</header>", "", boss.get("/audit?who=boss&verb=users.add").text)
    assert boss.get("/audit?door=window").status == 422
    for path in ("/audit", "/users", "/tokens"):
        assert sue.get(path).status == 403


def test_moments_of_the_audit_log_are_told_in_the_zone(company: Company) -> None:
    at = (datetime.now(BUDAPEST) + timedelta(days=2)).replace(hour=13, minute=0, second=0, microsecond=0)
    task = company.ask("callbacks.add", customer="+36301234567", group="sales", at=at.isoformat())["id"]
    company.ask("callbacks.hold", id=task)
    company.ask("callbacks.resume", id=task)
    company.ask("agents.pause", agent="201", reason="lunch")
    company.ask("agents.resume", agent="201")
    page = company.visitor("boss").get("/audit").text
    changes = [re.sub(r"<[^>]+>", "", line) for line in re.findall(r"<li><code>(?:due|since)</code>.*", page)]
    assert {one.partition(":")[0] for one in changes} == {"due", "since"}
    assert f"due: {at:%Y-%m-%d} 13:00:00" in changes
    assert not re.search(r"[0-9]{9}", " ".join(changes)), changes


@pytest.mark.parametrize("language", ["en", "hu", "sk", "pl", "de", "ru"])
def test_the_pages_are_there_in_every_language(company: Company, language: str) -> None:
    boss = company.visitor("boss")
    for path in ("/users", "/users?name=sue", "/tokens", "/audit"):
        answer = boss.get(f"{path}{'&' if '?' in path else '?'}lang={language}")
        assert (answer.status, f'lang="{language}"' in answer.text) == (200, True)
