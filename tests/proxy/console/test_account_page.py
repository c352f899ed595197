"""What everybody has of their own, by its page: a real console process before a real daemon."""

import html
import re
from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest

from proxy.control_client import ControlClient
from tests.kit.console import PASSWORD, Visitor, wait_for_console, with_console

POLICY = {"group": {"sales": {"target": "600", "agents": ["201"]}}}
NEW = "battery staple"
PEOPLE: dict[str, dict[str, Any]] = {"boss": {"role": "admin"}, "sue": {"role": "supervisor", "groups": ["sales"]},
          "anna": {"role": "agent", "agent": "201"}, "peter": {"role": "agent"}}


class Company(NamedTuple):
    """A console with people, and how to ask its daemon."""

    port: int
    control: ControlClient

    def visitor(self, name: str, password: str = PASSWORD) -> Visitor:
        visitor = Visitor(self.port, Accept_Language="en")
        assert visitor.log_in(name, password).status == 303
        return visitor


@pytest.fixture(scope="module")
def company(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Company]:
    daemon, port = with_console(tmp_path_factory.mktemp("account"), policy=POLICY)
    with daemon:
        control = ControlClient(daemon.data / "control.sock")
        for name, more in PEOPLE.items():
            control.call("users.add", name=name, password=PASSWORD, **more)
        wait_for_console(port)
        yield Company(port, control)


def another(old: str, new: str, again: str | None = None) -> dict[str, str]:
    return {"do": "passwd", "old": old, "password": new, "again": new if again is None else again}


def test_an_agent_changes_their_password_and_stays_while_their_other_sessions_end(company: Company) -> None:
    here, elsewhere = company.visitor("anna"), company.visitor("anna")
    page = here.get("/account")
    assert (page.status, "201" in page.text, 'href="/account"' in here.get("/").text) == (200, True, True)
    before = dict(here.cookies)
    assert here.post("/account", another(PASSWORD, NEW)).status == 303
    page = here.get("/account")
    assert "Your password is another now" in page.text
    assert page.text.count("End it") == 0
    assert elsewhere.get("/account").status == 303, "to the log-in"
    assert here.cookies != before
    here.cookies = before
    assert here.get("/account").status == 303, "what the browser held before is good no more"
    assert Visitor(company.port).log_in("anna", PASSWORD).status == 401
    assert Visitor(company.port).log_in("anna", NEW).status == 303


@pytest.mark.parametrize(("sent", "field", "said"), [
    (another("wrong", NEW), "old", "This is not your password."),
    (another("", NEW), "old", "This is not your password."),
    (another(PASSWORD, NEW, NEW + " "), "again", "This is not what stands above."),
    (another(PASSWORD, "short"), "password", "5 characters, 8 at least"),
    (another(PASSWORD, ""), "password", "password")])
def test_what_is_wrong_stands_at_its_field_and_nothing_changes(company: Company, sent: dict[str, str], field: str,
                                                               said: str) -> None:
    sue = company.visitor("sue")
    answer = sue.post("/account", sent)
    assert answer.status == 422
    found = re.search(rf'id="f-{field}-error">([^<]*)<', answer.text)
    assert found is not None
    assert said in html.unescape(found[1])
    assert NEW not in answer.text
    assert company.visitor("sue").get("/account").status == 200


def test_whoever_guesses_the_old_password_waits_as_at_the_log_in(company: Company) -> None:
    peter = company.visitor("peter")
    answers = [peter.post("/account", another("wrong", NEW)) for _ in range(6)]
    assert [one.status for one in answers] == [422] * 5 + [429]
    assert int(answers[-1].headers["retry-after"]) > 0
    assert Visitor(company.port).log_in("peter").status == 429, "and so does whoever logs in by that name"
    assert peter.get("/account").status == 200, "the session goes on"


def test_sessions_of_ones_own_are_ended_and_nobody_elses(company: Company) -> None:
    sue, second, third, boss = (company.visitor(name) for name in ("sue", "sue", "sue", "boss"))
    bosses = re.findall(r'name="session" value="([0-9a-f]+)"', boss.get("/users?name=boss").text)
    assert bosses
    sue.post("/account", {"do": "end", "session": bosses[0]})
    assert boss.get("/account").status == 200
    theirs = re.findall(r'name="session" value="([0-9a-f]+)"', second.get("/account").text)
    assert sue.post("/account", {"do": "end", "session": theirs[0]}).status == 303
    assert sue.post("/account", {"do": "end-others"}).status == 303
    assert [one.get("/account").status for one in (sue, second, third)] == [200, 303, 303]


def test_a_token_is_no_account_though_it_is_called_as_one(company: Company) -> None:
    token = company.control.call("tokens.add", name="boss", role="admin")["token"]
    program = Visitor(company.port, Authorization=f"Bearer {token}")
    assert program.get("/account").status == 403
    assert program.post("/account", another(PASSWORD, NEW)).status == 403
    assert program.post("/api/v1/account/boss/passwd", {}).status == 404


@pytest.mark.parametrize("language", ["en", "hu", "sk", "pl", "de", "ru"])
@pytest.mark.parametrize("name", ["boss", "sue"])
def test_it_is_there_in_every_language_for_every_role(company: Company, name: str, language: str) -> None:
    answer = company.visitor(name).get(f"/account?lang={language}")
    assert (answer.status, f'lang="{language}"' in answer.text) == (200, True)
