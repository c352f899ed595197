"""`boomerang users`, `tokens`, `audit` against a real daemon: what is secret stands alone on its line, and lets in."""

import json
import os
import subprocess
import sys
import wave
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.kit import imported
from tests.kit.boomerang import ROOT, Boomerang
from tests.kit.console import Visitor, wait_for_console, with_console

POLICY = {"group": {"sales": {"target": "600", "agents": ["201"]}}}


class Company(NamedTuple):
    """A daemon with its console."""

    daemon: Boomerang
    port: int

    def say(self, *words: str, typed: str = "") -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "proxy", *words, "--socket", str(self.daemon.data / "control.sock")]
        return imported.run(command, ROOT, os.environ, typed)


@pytest.fixture(scope="module")
def company(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Company]:
    folder: Path = tmp_path_factory.mktemp("commands")
    daemon, port = with_console(folder, policy=POLICY)
    with daemon:
        wait_for_console(port)
        yield Company(daemon, port)


def test_a_password_is_alone_on_its_line_and_lets_in(company: Company) -> None:
    said = company.say("users", "add", "boss", "--role", "admin")
    assert said.returncode == 0, said.stderr
    password = said.stdout.removesuffix("\n")
    assert password.isprintable()
    assert " " not in password
    visitor = Visitor(company.port)
    assert visitor.log_in("boss", password).status == 303
    assert visitor.get("/users").status == 200
    again = company.say("users", "passwd", "boss").stdout.strip()
    assert again not in ("", password)
    assert visitor.get("/users").status == 303, "the session is over"
    assert Visitor(company.port).log_in("boss", again).status == 303


def test_a_password_may_come_from_a_file_and_is_not_repeated(company: Company, tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_text("correct horse\n")
    said = company.say("users", "add", "sue", "--role", "supervisor", "--group", "sales", "--password-file", str(file))
    assert (said.returncode, said.stdout, "correct horse" in said.stderr) == (0, "", False)
    assert Visitor(company.port).log_in("sue", "correct horse").status == 303
    said = company.say("users", "passwd", "sue", "--password-file", "-", typed="battery staple\n")
    assert (said.returncode, said.stdout) == (0, "")
    assert Visitor(company.port).log_in("sue", "battery staple").status == 303
    assert company.say("users", "disable", "sue").returncode == 0
    assert Visitor(company.port).log_in("sue", "battery staple").status == 401
    rows = json.loads(company.say("users", "list", "--json").stdout)
    assert next(row for row in rows if row["name"] == "sue")["groups"] == ["sales"]
    assert company.say("users", "passwd", "sue", "--password-file", str(tmp_path / "none")).returncode == 1


def test_a_token_is_alone_on_its_line_and_opens_the_api(company: Company) -> None:
    said = company.say("tokens", "add", "crm", "--role", "admin", "--expires", "90d")
    token = said.stdout.removesuffix("\n")
    assert token.startswith("bmr_")
    bearer = Visitor(company.port, Authorization=f"Bearer {token}")
    assert bearer.get("/api/v1/callbacks").status == 200
    assert company.say("tokens", "revoke", "crm").returncode == 0
    assert bearer.get("/api/v1/callbacks").status == 401
    assert token not in company.say("tokens", "list").stdout


def test_what_cannot_be_ends_with_a_line_that_says_why(company: Company) -> None:
    for words, code, text in ((("users", "add", "x", "--role", "root"), 2, "role: 'root' is none of"),
                              (("users", "disable", "nobody"), 1, "there is no user 'nobody'"),
                              (("tokens", "add", "x", "--role", "admin", "--expires", "soon"), 1, "expires"),
                              (("users", "add", "x", "--role", "agent", "--group", "sales"), 1, "groups:")):
        said = company.say(*words)
        assert (said.returncode, text in said.stderr, said.stdout) == (code, True, ""), said.stderr


def test_the_audit_log_is_a_command(company: Company) -> None:
    company.say("policy", "set", "group.sales.hours", '["mon-fri 08:00-17:00"]')
    said = company.say("audit", "--verb", "policy.set")
    assert (said.returncode, "group.sales.hours" in said.stdout) == (0, True), said.stderr
    rows = json.loads(company.say("audit", "--json", "--limit", "5").stdout)
    assert rows[0]["door"] == "socket"
    assert rows[0]["after"] == {"group.sales.hours": ["mon-fri 08:00-17:00"]}


def test_a_list_of_numbers_is_read_from_a_file(company: Company, tmp_path: Path) -> None:
    file = tmp_path / "numbers.csv"
    file.write_text("+36301234567;asked\nnobody\n", encoding="utf-8-sig")
    said = company.say("dnc", "import", str(file))
    assert (said.returncode, said.stdout) == (1, "added: 1, known: 0, refused: 1\n")
    assert f"{file}:2: no number that can be read: nobody" in said.stderr
    said = company.say("dnc", "import", "-", "--reason", "by mail", typed="+36301234567\n+36301234568\n")
    assert (said.returncode, said.stdout) == (0, "added: 1, known: 1, refused: 0\n")
    listed = json.loads(company.say("dnc", "list", "--json").stdout)
    assert {row["customer"]: row["reason"] for row in listed} == {"+36301234567": "asked", "+36301234568": "by mail"}


def test_a_recording_goes_in_and_comes_out(company: Company, tmp_path: Path) -> None:
    file, back = tmp_path / "hello.wav", tmp_path / "back.wav"
    with wave.open(str(file), "wb") as wav:
        wav.setnchannels(1)
        wav.setsampwidth(2)
        wav.setframerate(16_000)
        wav.writeframes(b"\0\x10" * 8_000)
    said = company.say("prompts", "add", "hello", str(file), "--language", "hu")
    assert (said.returncode, said.stdout) == (0, "hello: 0.5 s\n"), said.stderr
    assert company.say("prompts", "get", "hello", "--language", "hu", "-o", str(back)).returncode == 0
    with wave.open(str(back)) as wav:
        assert (wav.getframerate(), wav.getnframes()) == (8_000, 4_000)
    rows = json.loads(company.say("prompts", "list", "--json").stdout)
    assert [(row["language"], row["built_in"]) for row in rows if row["name"] == "hello"] == [("hu", False)]
    assert "menu_this" in company.say("prompts", "list").stdout
    said = company.say("prompts", "remove", "hello", "--language", "hu")
    assert (said.returncode, said.stdout) == (0, "removed: hello\n")
    assert company.say("prompts", "get", "hello", "-o", "-").returncode == 1
    assert company.say("prompts", "add", "bad", str(tmp_path / "none")).returncode == 1
