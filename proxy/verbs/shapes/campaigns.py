"""Callback campaigns. Their settings are part of the policy."""

from typing import Annotated, Any, Final, TypedDict

from config.callbacks import Sort
from proxy.verbs.shapes.callbacks import Obstacle
from proxy.verbs.shapes.fields import Field, Make, Schema, ident_field, limit_field
from proxy.verbs.shapes.kinds import Facts, Moment
from proxy.verbs.shapes.verb import In, Nothing, Verb


class Setting(Field):
    """A setting as the policy has it, which judges it and says what is wrong with it."""

    metavar = "TEXT"

    def take(self, value: Any) -> Any:
        return value

    def schema(self) -> Schema:
        return {"type": "string"}


setting_field: Final[Make] = Setting


CampaignShort = TypedDict("CampaignShort", {
    "id": Annotated[str, "Five digits"], "name": str, "group": str,
    "rank": Annotated[int, "The smaller one is served first"],
    "parity": Annotated[int, "Share of the calls among campaigns of the same rank"],
    "active": Annotated[bool, "It runs today"], "from": Annotated[str | None, "First day, YYYY-MM-DD"],
    "to": Annotated[str | None, "Last day; null: without end"], "open": Annotated[int, "Open tasks"],
    "running": Annotated[int, "Attempts under way"],
})
CampaignShort.__doc__ = "A campaign in short, and how it goes."


class CampaignDetail(CampaignShort):
    """A campaign with its settings."""

    settings: Annotated[Facts, "As in policy.toml"]


class OneCampaign(In):
    """Which campaign."""

    id: str = ident_field("Of the campaign: five digits.", required=True, place="CAMPAIGN")


class AddCampaign(In):
    """What begins."""

    others = "Any other setting of a campaign, as in policy.toml."

    name: Any = setting_field("Of the campaign, as lists show it.", place="NAME")
    group: Any = setting_field("Whose agents call.", required=True)
    id: str | None = ident_field("Five digits; the next free ones where left out.")
    from_: Any = setting_field("First day, YYYY-MM-DD; today where left out.")
    to: Any = setting_field("Last day, YYYY-MM-DD; no end where left out.")


class Renumber(OneCampaign):
    """Which campaign, and its other id."""

    to: str = ident_field("The new id: five digits.", required=True, place="TO",
                         missing="the campaign's new id, five digits")


class PreviewCampaign(OneCampaign):
    """Which campaign, and how many of its tasks."""

    limit: int = limit_field("At most so many of its tasks.")


class CampaignTask(TypedDict):
    """A task of a campaign, and why it is not called now."""

    id: Annotated[str, "UUID version 7"]
    customer: Annotated[str, "E.164"]
    missed_at: Moment
    due: Annotated[Moment | None, "When it is tried next; null: never again, or its place in a queue is held"]
    expires: Annotated[Moment, "When it leaves the campaign"]
    attempts: Annotated[int, "Attempts made that count"]
    attempts_max: int
    responsible: Annotated[str | None, "Extension or group that it is held for; null: nobody"]
    not_now: Annotated[Obstacle | None, "Why it is not called now; null: nothing about it keeps it"]


class CampaignPreview(TypedDict):
    """Who of a campaign would be called next."""

    id: Annotated[str, "Five digits"]
    order: Annotated[Sort, "Of those that are due; random: chance has not spoken yet, and the oldest stands first"]
    tasks: Annotated[int, "Open and held"]
    not_now: Annotated[Obstacle | None, "Why nobody of it is called now; null: who comes first is"]
    next: Annotated[list[CampaignTask], "Those under way, those that are due, those to come"]


class Gone(TypedDict):
    """A campaign that is gone."""

    id: str


LIST: Final = Verb("campaigns.list", Nothing, list[CampaignShort], "agent", "Campaigns and how they go")
SHOW: Final = Verb("campaigns.show", OneCampaign, CampaignDetail, "agent", "One campaign with its settings", key="id")
ADD: Final = Verb("campaigns.add", AddCampaign, CampaignShort, "supervisor", "Begin a campaign", changes=True)
REMOVE: Final = Verb("campaigns.remove", OneCampaign, Gone, "supervisor",
                     "End a campaign for good; its open tasks go on by the settings of their group", changes=True,
                     key="id")
RENUMBER: Final = Verb("campaigns.renumber", Renumber, CampaignShort, "supervisor",
                       "Give a campaign another id; its open tasks go with it, what has ended keeps the old one",
                       changes=True, key="id")
PREVIEW: Final = Verb("campaigns.preview", PreviewCampaign, CampaignPreview, "supervisor",
                      "Who of a campaign would be called next, and why not now", key="id")

VERBS: Final[tuple[Verb[Any, Any], ...]] = (LIST, SHOW, PREVIEW, ADD, REMOVE, RENUMBER)
