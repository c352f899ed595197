"""Agents: a list with what they do, and each with name, groups and direct callback."""

from typing import Final

from fastapi import APIRouter, Response

from config.checks import InvalidError, value_of
from config.fields import Extension
from proxy.console.asking import Asked
from proxy.console.forms.fields import TypedError
from proxy.console.forms.sections import type_pairs
from proxy.console.forms.things import agent_form
from proxy.console.pages.thing_pages import (
    Thing,
    mount,
    no_facts,
    nothing_proposed,
    rows_of,
)
from proxy.console.policy_pages import Kept
from proxy.console.rendering import page
from proxy.console.words import mark as _
from proxy.verbs.shapes.answers import read
from proxy.verbs.shapes.queues import AGENTS as AGENT_LIST

router = APIRouter()


def _name(text: str, kept: Kept) -> str:
    try:
        name: str = value_of(Extension, text)
    except InvalidError:
        raise TypedError(_("Write the extension, such as 201.")) from None
    return name


AGENTS: Final = Thing("agent", "/agents", "agents_one.html",
                      lambda name, kept: agent_form(name, sorted(kept.policy.group)), {"name": ""}, _name,
                      _("This agent is listed already."), nothing_proposed, no_facts)


@router.get("/agents")
async def agents(asking: Asked, q: str = "", begin: int = 0) -> Response:
    """List the agents, with what they do."""
    listed = read(AGENT_LIST, await asking.node.call(AGENT_LIST.name, {}, asking.caller))
    rows = rows_of(listed, lambda one: f"{one['extension']} {one['name'] or ''} {' '.join(one['groups'])}", q, begin)
    return page(asking, "agents.html", rows=rows, types_said=dict(type_pairs(asking.words)))


mount(router, AGENTS)
