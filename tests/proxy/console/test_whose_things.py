"""The page of one thing that is somebody else's, and all that hangs on it: refused, and nothing of it is told."""

import re
from collections.abc import Iterator
from typing import Final

import pytest

from tests.kit.console_site import ADMIN, AGENT, SUPERVISOR, ConsoleSite

ROLES: Final = {"agent": AGENT, "supervisor": SUPERVISOR, "nobody": None}
OF_SERVICE: Final = (
    "/callbacks/{task}", "/callbacks/{task}/events", "/callbacks/{task}/messages/{attempt}", "/calls/{call}",
    "/calls/{call}/messages.pcap", "/calls/{call}/recordings/{recording}", "/tickets/{ticket}", "/desk?agent=204",
    "/desk/events?agent=204", "/api/v1/callbacks/{task}", "/api/v1/calls/{call}", "/api/v1/tickets/{ticket}",
    "/api/v1/recordings/{recording}",
)
"""Of the group that is neither the supervisor's nor the agent's."""
CHANGES: Final = (
    "/callbacks/{task}/cancel", "/callbacks/{task}/hold", "/callbacks/{task}/reassign", "/callbacks/{task}/call-now",
    "/tickets/{ticket}", "/calls/{call}/end", "/desk/pause",
)
SETTINGS: Final = ("/agents/204", "/groups/service", "/numbers/%2B3614446666", "/campaigns/10002",
                   "/setup?group=service", "/hours?group=service", "/direct?group=service", "/direct?agent=204")
"""The same of what the policy has."""
TO_CHANGE: Final = (*SETTINGS, "/groups/service/remove", "/campaigns/10002/remove", "/numbers/%2B3614446666/remove",
                    "/agents/204/remove", "/groups/sales/remove", "/groups/new", "/numbers/new", "/agents/new",
                    "/setup", "/setup/queue", "/hours", "/direct")
"""What neither the supervisor nor the agent may change."""
OF_SALES: Final = ("/groups/sales", "/numbers/%2B3614445555", "/campaigns/10001", "/agents/201", "/setup?group=sales",
                   "/hours?group=sales", "/direct?group=sales", "/direct?agent=201")
"""The same of the supervisor's group."""
NOT_OF_AGENTS: Final = ("/prompts/en/menu_this.wav?built_in=1", *(one for one in OF_SALES if "/direct" not in one),
                        "/reports?by=agent", "/system/policy", "/system/policy/1", "/do-not-call/export",
                        "/calls/{own_call}/messages.pcap")
NOT_OF_SUPERVISORS: Final = ("/users", "/tokens", "/audit", "/groups/new", "/numbers/new", "/agents/new")
LISTS: Final = (
    "/", "/callbacks", "/callbacks/add", "/calls", "/tickets", "/direct", "/reports?by=group", "/reports?by=agent",
    "/reports?by=number", "/reports?by=campaign", "/setup", "/setup/queue", "/campaigns", "/campaigns/new",
    "/groups", "/agents", "/numbers", "/hours", "/prompts", "/system", "/system/policy", "/system/policy/1", "/desk",
    "/api/v1/policy", "/api/v1/policy/history", "/api/v1/policy/versions/1", "/api/v1/numbers", "/api/v1/groups",
    "/api/v1/agents", "/api/v1/campaigns", *OF_SALES)
"""What a supervisor opens."""
NOT_SEEN: Final = ("/setup/queue", "/prompts", "/system", "/reports?by=agent", "/reports?by=campaign",
                   "/api/v1/policy/history")
"""Of these, where this past shows an admin nothing of the other group either."""
GIVES_AWAY: Final = re.compile(r"Dávid Tóth|\+3614446666|\b10002\b|\bgroup[=.]service|[>\"'/]service[<\"'/.&]")
"""The other group's agent, number, campaign, or itself."""
SOUND: Final = b"RIFF is what a recording begins with"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ConsoleSite]:
    with ConsoleSite(tmp_path_factory.mktemp("whose")) as made:
        yield made


@pytest.fixture(scope="module")
def things(site: ConsoleSite) -> dict[str, str]:
    """A call, a callback with an attempt and its recording, and a ticket of the service; a call of the agent."""
    def first(query: str) -> str:
        return str(site.boomerang.sql(query)[0][0])

    attempt, task = site.boomerang.sql(
        'SELECT attempts.id, tasks.id FROM attempts JOIN tasks ON attempts.task = tasks.id '
        'WHERE tasks."group" = \'service\' AND attempts.agent IS NOT NULL ORDER BY attempts.id DESC')[0]
    recording = f"20260101T000000Z-{attempt}-204-1.wav"
    folder = site.boomerang.data / "recordings"
    folder.mkdir(exist_ok=True)
    (folder / recording).write_bytes(SOUND)
    return {
        "task": task, "attempt": attempt, "recording": recording,
        "call": first("SELECT id FROM calls WHERE \"group\" = 'service' AND customer IS NOT NULL AND tried IS NULL "
                      "AND (agent IS NULL OR agent LIKE '204') ORDER BY id DESC LIMIT 1"),
        "ticket": first("SELECT id FROM tickets WHERE \"group\" = 'service' ORDER BY number DESC LIMIT 1"),
        "own_call": first("SELECT id FROM calls WHERE agent = '201' ORDER BY id DESC LIMIT 1"),
    }


@pytest.fixture(scope="module")
def secrets(site: ConsoleSite, things: dict[str, str]) -> set[str]:
    """What would give the things away."""
    found = {"Dávid Tóth", SOUND.decode()}
    for table, name in (("tasks", "task"), ("calls", "call"), ("tickets", "ticket")):
        found.add(str(site.boomerang.sql(f"SELECT customer FROM {table} WHERE id = ?", things[name])[0][0]))
    return found


@pytest.mark.parametrize("path", [*OF_SERVICE, *SETTINGS, *NOT_OF_AGENTS, *NOT_OF_SUPERVISORS])
@pytest.mark.parametrize("role", ROLES)
def test_what_is_not_theirs_is_refused_and_gives_nothing_away(
        site: ConsoleSite, things: dict[str, str], secrets: set[str], role: str, path: str) -> None:
    if role == "supervisor" and path in NOT_OF_AGENTS:
        pytest.skip("theirs")
    if role == "agent" and path.startswith("/direct"):
        pytest.skip("the page of records, which are their own whatever is asked for")
    answer = site.client(ROLES[role]).get(path.format(**things))
    assert answer.status_code in ((303, 401) if role == "nobody" else (403, 404)), answer.text
    assert not [one for one in secrets if one in answer.text]


@pytest.mark.parametrize("path", CHANGES)
@pytest.mark.parametrize("role", ROLES)
def test_what_is_not_theirs_is_not_changed(site: ConsoleSite, things: dict[str, str], secrets: set[str], role: str,
                                           path: str) -> None:
    answer = site.client(ROLES[role]).post(path.format(**things), data={"do": "close", "agent": "204"})
    assert answer.status_code in ((303, 401, 403) if role == "nobody" else (403, 404)), answer.text
    assert "/login" in answer.headers.get("location", "/login")
    assert not [one for one in secrets if one in answer.text]


@pytest.mark.parametrize("path", TO_CHANGE)
@pytest.mark.parametrize("role", ROLES)
def test_settings_that_are_not_theirs_stay(site: ConsoleSite, role: str, path: str) -> None:
    before = site.verb("policy.export")
    site.client(ROLES[role]).post(path, data={"do": "save", "id": "299", "name": "x", "description": "x",
                                              "target": "666", "missed_callback.attempts": "9"})
    assert site.verb("policy.export") == before


@pytest.mark.parametrize("path", LISTS)
def test_a_page_of_a_supervisor_has_nothing_of_another_group(site: ConsoleSite, path: str) -> None:
    answer = site.client(SUPERVISOR).get(path)
    assert answer.status_code == 200, answer.text
    assert GIVES_AWAY.search(answer.text) is None


@pytest.mark.parametrize("path", [one for one in LISTS if one not in (*OF_SALES, *NOT_SEEN)])
def test_what_gives_another_group_away_is_known_where_it_stands(site: ConsoleSite, path: str) -> None:
    """So that the test before cannot be green because it looks for what is never written."""
    assert GIVES_AWAY.search(site.client(ADMIN).get(path).text) is not None


@pytest.mark.parametrize("act", ["accept", "decline", "done", "pause", "resume"])
@pytest.mark.parametrize("sent", [{"agent": "204"}, {"agent": "204", "id": ""}, {"agent": "204", "id": "nothing"}])
def test_nobody_says_anything_at_the_desk_of_another(site: ConsoleSite, act: str, sent: dict[str, str]) -> None:
    assert site.client(AGENT).post(f"/desk/{act}", data=sent).status_code == 403


def test_what_an_admin_alone_may_do_is_said_and_has_no_button(site: ConsoleSite) -> None:
    client = site.client(SUPERVISOR)
    for path in ("/groups", "/numbers", "/agents"):
        shown = client.get(path).text
        assert "Only an administrator adds and removes these." in shown
        assert f'href="{path}/new"' not in shown
    for path in OF_SALES[:2]:
        assert "/remove" not in client.get(path).text
    assert 'value="10004"' in client.get("/campaigns/new").text, "the next id that nobody has"


@pytest.mark.parametrize("path", [path for path in (*OF_SERVICE, *SETTINGS) if "/events" not in path])
def test_an_admin_has_all_of_it(site: ConsoleSite, things: dict[str, str], path: str) -> None:
    """So that what was refused is there; messages of a past that nobody captured are not."""
    answer = site.client(ADMIN).get(path.format(**things))
    assert answer.status_code == (404 if path.endswith("/messages/{attempt}") else 200), answer.text
