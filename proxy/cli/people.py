"""`boomerang users` and `tokens`: who may use the console and the API.

What is secret is shown once, alone on its line, on standard output; what is said beside goes to standard error.
"""

import sys
from pathlib import Path
from typing import Any, Final

from proxy import render
from proxy.cli.asking import ask, failure
from proxy.cli.asks import Given, asks, given_of, group, line, option, rest, shaped, table
from proxy.verbs.shapes import people
from proxy.verbs.shapes.people import LONGEST_PASSWORD
from proxy.verbs.shapes.verb import Verb

users = group("Who may log in to the console.")
tokens = group("What programs show to the API, as `Authorization: Bearer TOKEN`.")

_USERS: Final = {"name": "name", "role": "role", "groups": "groups", "agent": "agent", "created": "created",
                 "disabled": "disabled"}
_TOKENS: Final = {"name": "name", "role": "role", "groups": "groups", "agent": "agent", "created": "created",
                  "expires": "expires", "revoked": "revoked", "id": "id"}
_PASSWORD_FILE: Final = "Take the password from this file, its last line break left out; - is standard input."


def _list(columns: dict[str, str], empty: str) -> Any:
    def show(rows: Any, given: Given) -> None:
        listed = [{**row, "groups": ", ".join(row["groups"]) if row["groups"] is not None else None} for row in rows]
        table(columns, empty)(listed, given)

    return show


asks(users, "list", people.USERS)(_list(_USERS, "nobody"))
asks(tokens, "list", people.TOKENS)(_list(_TOKENS, "no tokens"))


def _with_password(name: str, verb: Verb[Any, Any], done: str) -> None:
    """Add a command whose password is made and shown once, or comes from a file: never from the command line, which
    everybody on this machine can read.
    """
    def run(config: Path | None, socket: Path | None, json: bool, password_file: Path | None, **typed: Any) -> None:
        given = {**given_of(verb, {**typed, "password": None}), "password": _read(password_file)}
        data = ask(config, socket, verb.name, **given)
        if json:
            render.show_json(data)
            return
        sys.stderr.write(f"{data['name']} {done}" + _warning(data) + "\n")
        if data["password"] is not None:
            sys.stdout.write(f"{data['password']}\n")

    shape = shaped(run, verb, f"{verb.means}.", more=[
        option("password_file", Path | None, "--password-file", about=_PASSWORD_FILE)], without=("password",))
    users.command(name)(shape)


def _read(file: Path | None) -> str | None:
    if file is None:
        return None
    try:
        text = sys.stdin.read() if str(file) == "-" else file.read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise failure(f"{file}: {getattr(error, 'strerror', None) or 'is no text'}") from None
    password = text.removesuffix("\n").removesuffix("\r")
    if not password:
        raise failure(f"{file} is empty")
    if len(password) > LONGEST_PASSWORD:
        raise failure(f"{file}: a password has at most {LONGEST_PASSWORD} characters")
    return password


def _warning(data: Any) -> str:
    """Say what somebody has forgotten who can do nothing as they are."""
    if data["groups"] == []:
        return "; without --group no group is theirs"
    if data["role"] == "agent" and data["agent"] is None:
        return "; without --agent no extension is theirs"
    return ""


_with_password("add", people.ADD_USER, "may log in")
_with_password("passwd", people.PASSWD, "has another password")


asks(users, "disable", people.DISABLE)(line(lambda data, given: f"{data['name']} may not log in any more"))
asks(users, "enable", people.ENABLE)(line(lambda data, given: f"{data['name']} may log in"))
asks(users, "change", people.CHANGE_USER)(line(
    lambda data, given: f"{data['name']} is {data['role']}{_warning(data)}"))


@asks(tokens, "add", people.ADD_TOKEN)
def added(data: Any, given: Given) -> None:
    """Show the token, alone on its line."""
    until = f", good until {render.moment(data['expires'])}" if data["expires"] is not None else ""
    sys.stderr.write(f"token {data['name']} for the role {data['role']}{until}{_warning(data)}\n")
    sys.stdout.write(f"{data['token']}\n")


asks(tokens, "revoke", people.REVOKE)(line(lambda data, given: f"token {data['name']} is good no more"))

rest(users, people.OF_USERS)
rest(tokens, people.OF_TOKENS)
