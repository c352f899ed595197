"""`boomerang dnc`: numbers that are never called back."""

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from proxy import render
from proxy.cli.asking import Config, Json, Socket, ask, failure
from proxy.cli.asks import Given, asks, group, rest, table
from proxy.cli.said import FAILED
from proxy.verbs.shapes import do_not_call

app = group("The do-not-call list: numbers that are never called back.")

asks(app, "list", do_not_call.LIST)(table({"customer": "customer", "since": "since", "reason": "reason"}, "nobody"))


@asks(app, "add", do_not_call.ADD)
def added(data: Any, given: Given) -> None:
    """Say who."""
    render.show_line(f"{data['customer']} is never called back")


def _was_on_it(data: Any) -> None:
    if not data["removed"]:
        raise typer.Exit(FAILED)


@asks(app, "remove", do_not_call.REMOVE, check=_was_on_it)
def removed(data: Any, given: Given) -> None:
    """Say whether it was on it."""
    render.show_line(f"removed: {data['removed']}")


def _import(config: Path | None, socket: Path | None, json: bool, file: Path, reason: str | None) -> None:
    try:
        text = sys.stdin.read() if str(file) == "-" else file.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise failure(f"{file}: {getattr(error, 'strerror', None) or 'is no text in UTF-8'}") from None
    if len(text) > do_not_call.MOST_TEXT:
        raise failure(f"{file} has more than {do_not_call.MOST_TEXT} characters: split it")
    report = ask(config, socket, do_not_call.IMPORT.name, text=text, reason=reason)
    if json:
        render.show_json(report)
    else:
        for one in report["refused"]:
            sys.stderr.write(f"{file}:{one['line']}: {one['why']}: {one['text']}\n")
        render.show_line(f"added: {report['added']}, known: {report['known']}, refused: {report['refused_lines']}")
    if report["refused_lines"]:
        raise typer.Exit(FAILED)


@app.command("import")
def imported(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="One number a line, or CSV with the number and a reason; "
                                                              "- is standard input.")],
    reason: Annotated[str | None, typer.Option("--reason", help="For lines without one.")] = None,
    config: Config = None,
    socket: Socket = None,
    json: Json = False,
) -> None:
    """Put many numbers on the do-not-call list, and say which lines hold none."""
    _import(config, socket, json, file, reason)


rest(app, do_not_call.VERBS)
