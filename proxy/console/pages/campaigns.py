"""Campaigns: a list, and each with all of its settings and who would be called next."""

import re
import time
from datetime import datetime
from typing import Any, Final, Literal
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Response

from config.policy import Campaign
from proxy.console.asking import Asked, Asking
from proxy.console.forms.fields import TypedError
from proxy.console.forms.things import campaign_form
from proxy.console.forms.why import say_why
from proxy.console.pages.thing_pages import (
    Thing,
    change_one,
    here,
    make_one,
    may_make,
    remove_one,
    rows_of,
    show_new,
    show_one,
)
from proxy.console.pages.typed import typed_of
from proxy.console.policy_pages import UNPROCESSABLE, Kept, policy_of
from proxy.console.rendering import forward, page
from proxy.console.words import mark as _
from proxy.control_client import ControlError
from proxy.verbs.shapes.answers import read
from proxy.verbs.shapes.campaigns import PREVIEW
from routing.callbacks.campaigns import max_legs

router = APIRouter()
NEXT: Final = 20
"""Callbacks that a preview shows."""
State = Literal["running", "expired", "waiting", "off"]


def state_of(campaign: Campaign, now: float, zone: str) -> State:
    """Return how a campaign stands by its days: over, to come, or under way, unless it is switched off."""
    today = datetime.fromtimestamp(now, ZoneInfo(zone)).date()
    if campaign.last_day is not None and campaign.last_day < today:
        return "expired"
    if not campaign.enabled:
        return "off"
    return "waiting" if campaign.first_day is not None and today < campaign.first_day else "running"


def _name(text: str, kept: Kept) -> str:
    if not re.fullmatch(r"[0-9]{5}", text):
        raise TypedError(_("Write five digits, such as 10001."))
    return text


async def _facts(asking: Asking, kept: Kept, name: str) -> dict[str, Any]:
    campaign = kept.policy.campaign.get(name)
    if campaign is None:
        return {"state": "", "preview": None, "agents": None, "most": 0, "why": None, "to": "", "to_error": ""}
    answer = await asking.node.call(PREVIEW.name, {"id": name, "limit": NEXT}, asking.caller)
    agents = len(kept.policy.group[campaign.group].agents) if campaign.group in kept.policy.group else 0
    share = kept.policy.callback_for(campaign.group, name).agents_share
    return {"state": state_of(campaign, time.time(), kept.policy.zone_for(campaign.group)),
            "preview": read(PREVIEW, answer), "agents": agents or None, "most": max_legs(agents, share),
            "why": lambda no: say_why(no, asking.words), "to": asking.request.query_params.get("to", ""),
            "to_error": ""}


CAMPAIGNS: Final = Thing("campaign", "/campaigns", "campaigns_one.html", lambda name, kept: campaign_form(name), {},
                         _name, _("There is a campaign with this id already."), lambda kept: kept.free_campaign, _facts)


@router.get("/campaigns")
async def campaigns(asking: Asked, q: str = "", begin: int = 0) -> Response:
    """List the campaigns."""
    kept, now = await policy_of(asking), time.time()
    counted = {one["id"]: one for one in await asking.node.call("campaigns.list", {}, asking.caller)}
    listed = [{"id": name, "name": one.name, "group": one.group, "first": one.from_, "last": one.to,
               "state": state_of(one, now, kept.policy.zone_for(one.group)), "as_ticket": one.as_ticket,
               "rank": one.rank, "parity": one.parity, "open": counted[name]["open"],
               "running": counted[name]["running"]}
              for name, one in sorted(kept.policy.campaign.items(), key=lambda item: (item[1].rank, item[0]))
              if name in counted]
    return page(asking, "campaigns.html", may_add=may_make(asking, kept, "campaign"),
                rows=rows_of(listed, lambda one: f"{one['id']} {one['name']} {one['group']}", q, begin))


@router.get("/campaigns/new")
async def new(asking: Asked) -> Response:
    """Show the form of a new campaign."""
    return await show_new(asking, CAMPAIGNS)


@router.post("/campaigns/new")
async def make(asking: Asked) -> Response:
    """Make a campaign."""
    return await make_one(asking, CAMPAIGNS)


@router.get("/campaigns/{name}")
async def one(asking: Asked, name: str) -> Response:
    """Show a campaign."""
    return await show_one(asking, CAMPAIGNS, name)


@router.post("/campaigns/{name}")
async def change(asking: Asked, name: str) -> Response:
    """Save a campaign."""
    return await change_one(asking, CAMPAIGNS, name)


@router.post("/campaigns/{name}/renumber")
async def renumber(asking: Asked, name: str) -> Response:
    """Give a campaign another id."""
    to = (await typed_of(asking.request)).get("to", "").strip()
    error = ""
    try:
        _name(to, await policy_of(asking))
        await asking.node.call("campaigns.renumber", {"id": name, "to": to}, asking.caller)
    except TypedError as wrong:
        error = asking.words.gettext(str(wrong))
    except ControlError as refused:
        error = str(refused)
    if error:
        return await show_one(asking, CAMPAIGNS, name, UNPROCESSABLE, to=to, to_error=error)
    return forward(asking, here(CAMPAIGNS, to), asking.words.gettext(_("The campaign has another id now.")))


@router.post("/campaigns/{name}/remove")
async def remove(asking: Asked, name: str) -> Response:
    """End a campaign for good."""
    return await remove_one(asking, CAMPAIGNS, name)


