"""`boomerang campaigns`."""

from typing import Any

from proxy import render
from proxy.cli.asks import Given, asks, group, line, rest, table
from proxy.verbs.shapes import campaigns

app = group("Callback campaigns.")

asks(app, "list", campaigns.LIST)(table(
    {"id": "id", "name": "name", "group": "group", "rank": "order", "active": "active", "to": "to", "open": "open",
     "running": "running"}, "no campaigns"))


@asks(app, "show", campaigns.SHOW)
def detail(data: Any, given: Given) -> None:
    """Show every setting of a campaign and how it goes."""
    pairs = {**data, **data["settings"], "active": data["active"]}
    del pairs["settings"]
    render.show_pairs(pairs, tuple(pairs))


asks(app, "add", campaigns.ADD, about="Its further settings are set here, or later with `policy set campaign.ID.KEY "
     "VALUE`.")(line(lambda data, given: f"campaign {data['id']} {data['name']}: from {data['from']}"))
asks(app, "remove", campaigns.REMOVE)(line(lambda data, given: f"campaign {data['id']} is gone"))
asks(app, "renumber", campaigns.RENUMBER)(line(lambda data, given: f"campaign {given['id']} is {data['id']} now"))
rest(app, campaigns.VERBS)
