"""Commands made from verbs: options and help from the shape, and by hand only how the answer is shown.

    @asks(app, "close", tickets.CLOSE)
    def tickets_close(data, given):
        render.show_line(f"ticket {data['number']} is {data['state']}")

With `--json` the answer is printed as it came. An argument that cannot be is told with the words of every other door,
before the daemon is asked where that needs nothing of it.
"""

import inspect
from collections.abc import Callable, Collection, Iterable, Iterator
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from proxy import render
from proxy.cli.asking import Config, Json, Socket, ask
from proxy.cli.said import WRONG, complain
from proxy.verbs.shapes.errors import ArgumentError
from proxy.verbs.shapes.fields import Field, Flag, Limit, Words
from proxy.verbs.shapes.verb import Verb

Given = dict[str, Any]
"""The arguments of a verb, each with its name; None: left out."""
Show = Callable[[Any, Given], None]
"""Shows an answer to a person."""
Check = Callable[[Any], None]
"""Looks at an answer, shown or printed as JSON; may end the command."""

ROWS: Final = 50
"""Rows that a list shows where nobody says how many."""
OLD: Final = "_older"
"""What the names of parameters end with that are an older name of another."""
OTHERS: Final = "others"


def group(about: str) -> typer.Typer:
    """Return a group of commands; `about`: its help."""
    return typer.Typer(help=about, no_args_is_help=True, add_completion=False,
                       rich_markup_mode=None, pretty_exceptions_enable=False)


def asks(app: typer.Typer, name: str, verb: Verb[Any, Any], *, rows: int = ROWS, about: str = "",
         check: Check | None = None) -> Callable[[Show], Show]:
    """Add a command that asks a verb; the function below shows the answer.

    `about`: more for the help; `rows`: for `--limit`; `check`: looks at the answer after it was shown.
    """
    def add(show: Show) -> Show:
        def run(config: Path | None, socket: Path | None, json: bool, **typed: Any) -> None:
            given = given_of(verb, typed)
            data = ask(config, socket, verb.name, **given)
            render.show_json(data) if json else show(data, given)
            if check is not None:
                check(data)

        app.command(name)(shaped(run, verb, f"{verb.means}.\n\n{about.strip()}".strip(), rows=rows))
        return show

    return add


def rest(app: typer.Typer, verbs: Iterable[Verb[Any, Any]]) -> None:
    """Add a command for each verb that has none: whoever adds one need not write how it is shown."""
    known = {command.name for command in app.registered_commands}
    for verb in verbs:
        if not verb.streams and verb.act not in known:
            asks(app, verb.act, verb)(show)


def show(data: Any, given: Given) -> None:
    """Show an answer as a table or as one thing, whatever its keys are."""
    if isinstance(data, list):
        columns = {key: key.replace("_", " ") for row in data[:1] for key in row}
        render.show_table(data, columns, "none")
    else:
        render.show_pairs(data, tuple(data))


def table(columns: dict[str, str], empty: str) -> Show:
    """Return what shows rows; `columns`: key to heading, `empty`: what is said where there are none."""
    return lambda rows, given: render.show_table(rows, columns, empty)


def line(said: Callable[[Any, Given], str]) -> Show:
    """Return what shows an answer as one line."""
    return lambda data, given: render.show_line(said(data, given))


def shaped(run: Callable[..., None], verb: Verb[Any, Any], about: str, *, rows: int = ROWS, json: bool = True,
           more: Iterable[inspect.Parameter] = (), without: Collection[str] = ()) -> Callable[..., None]:
    """Have a function take the arguments of a verb as options; `more`: options of its own, `without`: arguments that
    are none."""
    parameters = [*(one for one in _parameters(verb, rows) if one.name not in without), *more,
                  _parameter("config", Config, None), _parameter("socket", Socket, None),
                  *([_parameter("json", Json, False)] if json else [])]
    run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]  # see PEP 362
    run.__doc__, run.__annotations__ = about, {}
    return run


def until(what: str) -> list[inspect.Parameter]:
    """Return the options that say when following ends; `what`: what is counted."""
    return [
        _parameter("seconds", Annotated[float | None, typer.Option(
            "--seconds", min=0.1, help="End after so many seconds.")], None),
        _parameter("count", Annotated[int | None, typer.Option(
            "--count", min=1, help=f"End after so many {what}.")], None),
    ]


def option(name: str, kind: Any, *flags: str, about: str) -> inspect.Parameter:
    """Return an option that is the command's own."""
    return _parameter(name, Annotated[kind, typer.Option(*flags, help=about)], None)


def given_of(verb: Verb[Any, Any], typed: dict[str, Any]) -> Given:
    """Return the arguments that were typed. typer.Exit where one cannot be."""
    given: Given = {}
    for name, field in verb.takes.fields.items():
        text = typed[_python_name(name)]
        if text is None and field.was:
            text = typed[_python_name(name) + OLD]
        given[name] = _value(field, text)
    others = dict(_pair(one) for one in typed.get(OTHERS) or ())
    try:
        verb.takes.read({**given, **others})
    except ArgumentError as error:
        complain(str(error))
        raise typer.Exit(WRONG) from None
    return {**given, **others}


def _value(field: Field, text: Any) -> Any:
    if isinstance(field, Words):
        return text or []
    return field.from_text(text) if isinstance(text, str) else text


def _pair(text: str) -> tuple[str, Any]:
    """Read KEY=VALUE, the value as TOML writes it, else as a text; so is what JSON has no kind for, such as a date."""
    import json
    import tomllib

    key, _, value = text.partition("=")
    try:
        found = tomllib.loads(f"value = {value}")["value"]
        json.dumps(found, allow_nan=False)
    except (tomllib.TOMLDecodeError, TypeError, ValueError):
        return key, value
    return key, found


def _parameters(verb: Verb[Any, Any], rows: int) -> Iterator[inspect.Parameter]:
    for name, field in verb.takes.fields.items():
        yield _of_field(name, field, rows)
    for name, field in verb.takes.fields.items():
        if field.was:
            option = typer.Option(f"--{field.was}", hidden=True)
            yield _parameter(_python_name(name) + OLD, Annotated[str | None, option], None)
    if verb.takes.others:
        option = typer.Option("--set", metavar="KEY=VALUE", help=verb.takes.others)
        yield _parameter(OTHERS, Annotated[list[str] | None, option], None)


def _of_field(name: str, field: Field, rows: int) -> inspect.Parameter:
    flag, default = f"--{name.replace('_', '-')}", field.default
    if isinstance(field, Words) and field.each:
        return _parameter(name, Annotated[list[str] | None, typer.Option(
            f"--{field.each}", metavar=field.each.upper(), help=field.means)], None)
    if isinstance(field, Words):
        return _parameter(name, Annotated[list[str] | None, typer.Argument(
            metavar=field.place, help=field.means)], None)
    if field.place:
        kind = str if field.required else str | None
        argument = typer.Argument(metavar=field.place, help=field.means)
        return _parameter(_python_name(name), Annotated[kind, argument],
                          inspect.Parameter.empty if field.required else None)
    if isinstance(field, Flag):
        return _parameter(name, Annotated[bool, typer.Option(flag, help=field.means)], False)
    if isinstance(field, Limit):
        default = str(rows)
    option = typer.Option(flag, metavar=field.metavar, help=field.means, show_default=bool(default))
    if field.required:
        return _parameter(_python_name(name), Annotated[str, option], inspect.Parameter.empty)
    return _parameter(_python_name(name), Annotated[str | None, option], default)


def _parameter(name: str, kind: Any, default: Any) -> inspect.Parameter:
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=kind)


def _python_name(name: str) -> str:
    return f"{name}_" if name == "from" else name

