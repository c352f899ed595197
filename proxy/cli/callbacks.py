"""`boomerang callbacks`, `dnc` and `campaigns`: what was promised, who is never called, and the campaigns."""

from typing import Annotated, Any, Final

import typer

from proxy import render
from proxy.cli.asking import FAILED, Config, Json, Limit, Socket, ask, show_rows

app = typer.Typer(help="Callback tasks: promises to call a customer.", no_args_is_help=True)
dnc_app = typer.Typer(help="The do-not-call list: numbers that are never called back.", no_args_is_help=True)
campaigns_app = typer.Typer(help="Callback campaigns.", no_args_is_help=True)

Task = Annotated[str, typer.Argument(metavar="TASK", help="Id of the task, or as much of its end as is unique.")]
Why = Annotated[str, typer.Option("--reason", help="For the journal.")]

_COLUMNS: Final = {
    "customer": "customer", "group": "group", "state": "state", "reason": "reason", "due": "due", "attempts": "made",
    "attempts_max": "of", "responsible": "for", "id": "id",
}
_DETAILS: Final = (
    "id", "customer", "number", "group", "campaign", "origin", "state", "reason", "missed_at", "missed", "due",
    "attempts", "attempts_max", "responsible", "expires", "ended",
)
_FIGURES: Final = {
    "of": "", "promised": "made", "dialled": "tried", "kept": "kept", "called_meanwhile": "talk", "tickets": "tick",
    "failed": "fail", "expired": "exp", "cancelled": "canc", "average_wait_s": "avg s",
}
_HELD: Final = ("responsible_kind", "responsible_since", "waits_until", "released")
_ATTEMPTS: Final = {
    "serial": "no", "claimed": "begun", "agent": "agent", "became": "result", "cause": "cause", "talk": "s",
    "ended": "ended",
}
_JOURNAL: Final = {"time": "time", "kind": "what", "agent": "agent", "text": "details"}


@app.command("list")
def callbacks_list(
    state: Annotated[str | None, typer.Option("--state", help="open, held, done, failed, expired, cancelled.")] = None,
    customer: Annotated[str | None, typer.Option("--customer", help="Only this customer's.")] = None,
    group: Annotated[str | None, typer.Option("--group", help="Only this group's.")] = None,
    limit: Limit = 50,
    config: Config = None,
    socket: Socket = None,
    json: Json = False,
) -> None:
    """List tasks, the newest first."""
    rows = ask(config, socket, "callbacks.list", state=state, customer=customer, group=group, limit=limit)
    show_rows(rows, _COLUMNS, "no callbacks", json)


@app.command("running")
def callbacks_running(config: Config = None, socket: Socket = None, json: Json = False) -> None:
    """List the attempts under way: the agents' cards."""
    columns = {"claimed": "begun", "customer": "customer", "agent": "agent", "group": "group", "phase": "phase",
               "note": "note", "task": "task"}
    show_rows(ask(config, socket, "callbacks.running"), columns, "nothing is under way", json)


@app.command("figures")
def callbacks_figures(config: Config = None, socket: Socket = None, json: Json = False) -> None:
    """Show what became of callbacks today: of all, and by group, number and campaign.

    made: promised; tried: times that a customer was dialled; kept: ended with a talk by a callback; talk: they talked
    in another call; tick: a ticket was opened instead; fail, exp, canc: failed, expired, cancelled; avg s: seconds from
    the missed call to the talk.
    """
    data = ask(config, socket, "callbacks.figures")
    if json:
        render.show_json(data)
        return
    rows = [{"of": "all", **data["total"]}]
    for kind in ("groups", "numbers", "campaigns"):
        rows += [{"of": f"{kind[:-1]} {name}", **one} for name, one in data[kind].items()]
    render.show_line(f"{data['day']} ({data['timezone']})")
    render.show_table(rows, _FIGURES, "")


@app.command("show")
def callbacks_show(task: Task, config: Config = None, socket: Socket = None, json: Json = False) -> None:
    """Show a task with its attempts and its journal."""
    data = ask(config, socket, "callbacks.show", id=task)
    if json:
        render.show_json(data)
        return
    render.show_pairs(data, (*_DETAILS, *_HELD))
    tries = [{**one, "became": one["result"] or one["step"]} for one in data["tries"]]
    render.show_table(tries, _ATTEMPTS, "no attempts")
    lines = [{**line, "text": render.details(line["data"])} for line in data["journal"]]
    render.show_table(lines, _JOURNAL, "an empty journal")


@app.command("add")
def callbacks_add(
    customer: str,
    group: Annotated[str | None, typer.Option("--group", help="Who calls; the only group where left out.")] = None,
    number: Annotated[str | None, typer.Option("--number", help="Our number to show.")] = None,
    responsible: Annotated[str | None, typer.Option("--responsible", help="Extension, or group:NAME.")] = None,
    wait: Annotated[float | None, typer.Option("--wait", min=0, help="Seconds the task waits for them.")] = None,
    at: Annotated[str | None, typer.Option("--at", help="First try, such as 2026-11-23T12:00:00+01:00.")] = None,
    window: Annotated[str | None, typer.Option("--window", help="How long it is tried, such as 24h.")] = None,
    attempts: Annotated[int | None, typer.Option("--attempts", min=1, max=10, help="How often at most.")] = None,
    note: Annotated[str, typer.Option("--note", help="What the agent's card says.")] = "",
    config: Config = None,
    socket: Socket = None,
    json: Json = False,
) -> None:
    """Promise a callback to a customer."""
    data = ask(config, socket, "callbacks.add", customer=customer, group=group, number=number,
               responsible=responsible, responsible_wait=wait, at=at, window=window, attempts=attempts, note=note)
    _said(data, json)


@app.command("cancel")
def callbacks_cancel(task: Task, reason: Why = "", config: Config = None, socket: Socket = None,
                     json: Json = False) -> None:
    """End a task for good."""
    _said(ask(config, socket, "callbacks.cancel", id=task, reason=reason), json)


@app.command("hold")
def callbacks_hold(task: Task, reason: Why = "", config: Config = None, socket: Socket = None,
                   json: Json = False) -> None:
    """Stop a task for now."""
    _said(ask(config, socket, "callbacks.hold", id=task, reason=reason), json)


@app.command("resume")
def callbacks_resume(task: Task, config: Config = None, socket: Socket = None, json: Json = False) -> None:
    """Let a held task go on."""
    _said(ask(config, socket, "callbacks.resume", id=task), json)


@app.command("call-now")
def callbacks_call_now(
    task: Task,
    force: Annotated[bool, typer.Option("--force", help="Although it is closed. The do-not-call list, quiet hours, "
                                        "caps and the stop switch hold all the same.")] = False,
    config: Config = None,
    socket: Socket = None,
    json: Json = False,
) -> None:
    """Make a task due at once, for the first free agent."""
    _said(ask(config, socket, "callbacks.call-now", id=task, force=force), json)


@dnc_app.command("list")
def dnc_list(limit: Limit = 50, config: Config = None, socket: Socket = None, json: Json = False) -> None:
    """List the numbers, the newest first."""
    columns = {"customer": "customer", "since": "since", "reason": "reason"}
    show_rows(ask(config, socket, "dnc.list", limit=limit), columns, "nobody", json)


@dnc_app.command("add")
def dnc_add(customer: str, reason: Why = "", config: Config = None, socket: Socket = None, json: Json = False) -> None:
    """Never call a number back; its open tasks end."""
    data = ask(config, socket, "dnc.add", customer=customer, reason=reason)
    render.show_json(data) if json else render.show_line(f"{data['customer']} is never called back")


@dnc_app.command("remove")
def dnc_remove(customer: str, config: Config = None, socket: Socket = None, json: Json = False) -> None:
    """Take a number off the list."""
    data = ask(config, socket, "dnc.remove", customer=customer)
    render.show_json(data) if json else render.show_line(f"removed: {data['removed']}")
    if not data["removed"]:
        raise typer.Exit(FAILED)


@campaigns_app.command("list")
def campaigns_list(config: Config = None, socket: Socket = None, json: Json = False) -> None:
    """List the campaigns, those that go first first."""
    columns = {"id": "id", "name": "name", "group": "group", "rank": "order", "active": "active", "to": "to",
               "open": "open", "running": "running"}
    show_rows(ask(config, socket, "campaigns.list"), columns, "no campaigns", json)


@campaigns_app.command("show")
def campaigns_show(campaign: str, config: Config = None, socket: Socket = None, json: Json = False) -> None:
    """Show every setting of a campaign and how it goes."""
    data = ask(config, socket, "campaigns.show", id=campaign)
    if json:
        render.show_json(data)
        return
    pairs = {**data, **data["settings"], "active": data["active"]}
    del pairs["settings"]
    render.show_pairs(pairs, tuple(pairs))


@campaigns_app.command("add")
def campaigns_add(
    name: str,
    group: Annotated[str, typer.Option("--group", help="Whose agents call.")],
    ident: Annotated[str | None, typer.Option("--id", help="Five digits; the next free ones where left out.")] = None,
    begin: Annotated[str | None, typer.Option("--from", help="First day, YYYY-MM-DD; today where left out.")] = None,
    to: Annotated[str | None, typer.Option("--to", help="Last day; no end where left out.")] = None,
    config: Config = None,
    socket: Socket = None,
    json: Json = False,
) -> None:
    """Begin a campaign; its further settings are set with `policy set campaign.ID.KEY VALUE`."""
    data = ask(config, socket, "campaigns.add", **{"id": ident, "name": name, "group": group, "from": begin, "to": to})
    render.show_json(data) if json else render.show_line(f"campaign {data['id']} {data['name']}: from {data['from']}")


@campaigns_app.command("remove")
def campaigns_remove(campaign: str, config: Config = None, socket: Socket = None, json: Json = False) -> None:
    """End a campaign for good; its open tasks go on by the settings of their group."""
    data = ask(config, socket, "campaigns.remove", id=campaign)
    render.show_json(data) if json else render.show_line(f"campaign {data['id']} is gone")


@campaigns_app.command("renumber")
def campaigns_renumber(campaign: str, to: Annotated[str, typer.Argument(help="Five digits.")], config: Config = None,
                       socket: Socket = None, json: Json = False) -> None:
    """Give a campaign another id; its open callbacks go with it, what has ended keeps the old one."""
    data = ask(config, socket, "campaigns.renumber", id=campaign, to=to)
    render.show_json(data) if json else render.show_line(f"campaign {campaign} is {data['id']} now")


def _said(data: dict[str, Any], json: bool) -> None:
    if json:
        render.show_json(data)
    else:
        due = f", due {render.moment(data['due'])}" if data.get("due") is not None else ""
        reason = f" ({data['reason']})" if data.get("reason") else ""
        render.show_line(f"{data['id']} {data['customer']}: {data['state']}{reason}{due}")
