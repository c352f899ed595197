"""The page of one thing that is somebody else's, and all that hangs on it: refused, and nothing of it is told."""

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
                   "/groups/service/remove", "/campaigns/10002/remove")
"""Whose pages supervisors may read, as the whole policy."""
NOT_OF_AGENTS: Final = ("/prompts/en/menu_this.wav?built_in=1", "/groups/sales", "/numbers/%2B3614445555",
                        "/campaigns/10001", "/setup?group=sales", "/reports?by=agent", "/system/policy",
                        "/system/policy/1", "/do-not-call/export", "/calls/{own_call}/messages.pcap",
                        "/groups/service", "/numbers/%2B3614446666", "/campaigns/10002", "/setup?group=service",
                        "/agents/204")
NOT_OF_SUPERVISORS: Final = ("/users", "/tokens", "/audit")
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


@pytest.mark.parametrize("path", [*OF_SERVICE, *NOT_OF_AGENTS, *NOT_OF_SUPERVISORS])
@pytest.mark.parametrize("role", ROLES)
def test_what_is_not_theirs_is_refused_and_gives_nothing_away(
        site: ConsoleSite, things: dict[str, str], secrets: set[str], role: str, path: str) -> None:
    if role == "supervisor" and path in NOT_OF_AGENTS:
        pytest.skip("theirs")
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


@pytest.mark.parametrize("path", SETTINGS)
@pytest.mark.parametrize("role", ROLES)
def test_settings_that_are_not_theirs_stay(site: ConsoleSite, role: str, path: str) -> None:
    before = site.verb("policy.export")
    site.client(ROLES[role]).post(path, data={"do": "save", "name": "x", "description": "x", "target": "666"})
    assert site.verb("policy.export") == before


@pytest.mark.parametrize("path", [path for path in OF_SERVICE if "/events" not in path])
def test_an_admin_has_all_of_it(site: ConsoleSite, things: dict[str, str], path: str) -> None:
    """So that what was refused is there; messages of a past that nobody captured are not."""
    answer = site.client(ADMIN).get(path.format(**things))
    assert answer.status_code == (404 if path.endswith("/messages/{attempt}") else 200), answer.text
