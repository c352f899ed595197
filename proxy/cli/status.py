"""`boomerang status`."""

from proxy import render
from proxy.cli.asking import Config, Json, Socket, ask
from proxy.verbs.shapes.status import STATUS


def status(config: Config = None, socket: Socket = None, json: Json = False) -> None:
    """Show how the daemon and its peers are."""
    data = ask(config, socket, STATUS.name)
    render.show_json(data) if json else render.show_status(data)
