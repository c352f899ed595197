"""What may be asked and changed of campaigns."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from config.lines import format_key
from config.policy import Policy, check_policy, plain_policy
from config.problem import Problem, shorten
from proxy.control_client import ControlError
from proxy.verbs.shapes import campaigns as shapes
from proxy.verbs.shapes.callbacks import Obstacle
from proxy.verbs.shapes.errors import UnknownError
from proxy.verbs.shapes.verb import Bound
from routing.callbacks.admin import Admin
from routing.callbacks.campaigns import active
from routing.callbacks.previews import Candidate, Previews
from routing.callbacks.refusal import Refusal
from routing.ledger import Ledger


class CampaignAnswers:
    """Answers `campaigns.*`. Campaigns are part of the policy: their settings are changed with `policy.set`."""

    def __init__(self, desk: Admin, previews: Previews, ledger: Ledger, wall: Callable[[], float],
                 put_policy: Callable[[Policy], None]) -> None:
        self._desk, self._previews, self._ledger = desk, previews, ledger
        self._wall, self._put_policy = wall, put_policy

    def bound(self) -> list[Bound]:
        """Every verb that is answered here."""
        return [shapes.LIST.by(self.campaigns), shapes.SHOW.by(self.campaign), shapes.PREVIEW.by(self.preview),
                shapes.ADD.by(self.add), shapes.REMOVE.by(self.remove), shapes.RENUMBER.by(self.renumber)]

    def campaigns(self, args: object) -> list[shapes.CampaignShort]:
        """Every campaign in short, those that go first first."""
        counts = self._counts()
        found = [self._campaign(name, counts)[0] for name in sorted(self._ledger.policy.campaign)]
        return sorted(found, key=lambda one: one["rank"])

    def campaign(self, args: shapes.OneCampaign) -> shapes.CampaignDetail:
        """One campaign with its settings."""
        if args.id not in self._ledger.policy.campaign:
            raise UnknownError(f"there is no campaign {args.id!r}")
        short, settings = self._campaign(args.id, self._counts())
        return {**short, "settings": settings}

    def preview(self, args: shapes.PreviewCampaign) -> shapes.CampaignPreview:
        """Who of a campaign would be called next, and why not now."""
        campaign = self._ledger.policy.campaign.get(args.id)
        if campaign is None:
            raise UnknownError(f"there is no campaign {args.id!r}")
        found = self._previews.of(campaign.group, args.id, self._wall(), args.limit)
        order = self._ledger.policy.callback_for(campaign.group, args.id).order
        return {"id": args.id, "order": order, "tasks": found.tasks, "not_now": _obstacle(found.obstacle),
                "next": [_candidate(one) for one in found.candidates]}

    def _counts(self) -> dict[str, tuple[int, int]]:
        """Open tasks and running attempts of each campaign."""
        return {name: (opened, running) for name, _, opened, running in self._desk.campaigns()}

    def _campaign(self, name: str,
                  counts: Mapping[str, tuple[int, int]]) -> tuple[shapes.CampaignShort, dict[str, Any]]:
        policy = self._ledger.policy
        campaign = policy.campaign[name]
        opened, running = counts.get(name, (0, 0))
        settings = campaign.model_dump(mode="json", exclude_none=True, by_alias=True)
        begun = active(campaign, self._wall(), policy.zone_for(campaign.group))
        return {"id": name, "name": campaign.name, "group": campaign.group, "rank": campaign.rank,
                "parity": campaign.parity, "active": begun, "from": settings.get("from"), "to": settings.get("to"),
                "open": opened, "running": running}, settings

    def add(self, args: shapes.AddCampaign) -> shapes.CampaignShort:
        """Begin a campaign: the next free id unless one is given, from today unless a date is given."""
        policy = self._ledger.policy
        given = {"name": args.name, "group": args.group, "from": args.from_, "to": args.to, **args.more}
        settings = {key: value for key, value in given.items() if value is not None}
        name = args.id or policy.free_campaign()
        if name in policy.campaign:
            raise ControlError(f"there is a campaign {name!r} already")
        group = settings.get("group")
        zone = policy.zone_for(group if isinstance(group, str) else "")
        settings.setdefault("from", f"{datetime.fromtimestamp(self._wall(), ZoneInfo(zone)):%Y-%m-%d}")
        raw = plain_policy(policy)
        raw.setdefault("campaign", {})[name] = settings
        self._put(raw)
        return self._campaign(name, self._counts())[0]

    def remove(self, args: shapes.OneCampaign) -> shapes.Gone:
        """End a campaign for good; its open tasks go on by the settings of their group."""
        raw = plain_policy(self._ledger.policy)
        if args.id not in raw.get("campaign", {}):
            raise UnknownError(f"there is no campaign {args.id!r}")
        del raw["campaign"][args.id]
        self._put(raw)
        return {"id": args.id}

    def renumber(self, args: shapes.Renumber) -> shapes.CampaignShort:
        """Give a campaign another id; its open tasks go with it, what has ended keeps the old one."""
        name, to = args.id, args.to
        raw = plain_policy(self._ledger.policy)
        if name not in raw.get("campaign", {}):
            raise UnknownError(f"there is no campaign {name!r}")
        if to in raw["campaign"]:
            raise ControlError(f"there is a campaign {to!r} already")
        # Both for a moment: no task is ever of a campaign that there is not, and none is planned anew.
        raw["campaign"][to] = raw["campaign"][name]
        self._put(raw)
        self._desk.renumber(name, to, self._wall())
        del raw["campaign"][name]
        self._put(raw)
        return self._campaign(to, self._counts())[0]

    def _put(self, raw: dict[str, Any]) -> None:
        changed, found = check_policy(raw)
        if changed is None:
            problems = [Problem("", shorten(format_key(tuple(map(str, key)))), 0, text) for key, text in found]
            said = "; ".join(f"{problem.key}: {problem.text}" for problem in problems)
            raise ControlError(said, [problem._asdict() for problem in problems])
        self._put_policy(changed)


def _obstacle(no: Refusal | None) -> Obstacle | None:
    return None if no is None else {"reason": no.reason, "text": no.text, "until": no.until}


def _candidate(one: Candidate) -> shapes.CampaignTask:
    row = one.task
    return {"id": row.id, "customer": row.customer, "missed_at": row.missed_at, "due": row.due_at,
            "expires": row.expires_at, "attempts": row.attempts, "attempts_max": row.attempts_max,
            "responsible": row.responsible if row.released_at is None else None, "not_now": _obstacle(one.obstacle)}
