"""`guard`: what keeps callbacks from costing money. A caller's number can be forged, so what is dialled is checked."""

from typing import Final, Literal

from config.checks import Field
from config.fields import Hours, Many, Regions, Some
from config.hours import Open, parse_all
from config.section import Section

NumberType = Literal[
    "premium_rate", "shared_cost", "unknown", "toll_free", "voip", "personal_number", "pager", "uan", "voicemail",
    "fixed_line", "mobile", "fixed_line_or_mobile",
]  # fmt: skip
"""Types of numbers, as phonenumbers tells them apart."""

REFUSED: Final[tuple[NumberType, ...]] = ("premium_rate", "shared_cost", "unknown")


class DialLimits(Section):
    """Which numbers are dialled, how often, and when."""

    stop: bool = Field(default=False, description="The stop switch: while true, no callback is attempted.")
    countries: Regions = Field(
        default=(),
        description="Countries (ISO 3166) that are called back; none: the policy's region only, and nobody where no "
        "region is set. Satellites and international networks (+881, +883, ...) only where 001 is listed.",
    )
    refuse_types: tuple[NumberType, ...] = Field(
        default=REFUSED,
        description="Types of numbers that are never dialled: premium_rate, shared_cost, unknown, toll_free, voip, "
        "personal_number, pager, uan, voicemail, fixed_line, mobile, fixed_line_or_mobile.",
    )
    number_per_hour: Many = Field(default=10, description="Attempts that dial one number in an hour, at most.")
    number_per_day: Many = Field(default=20, description="Attempts that dial one number in 24 hours, at most.")
    all_per_hour: Many = Field(default=500, description="Attempts that dial anybody in an hour, at most.")
    all_per_day: Many = Field(default=5000, description="Attempts that dial anybody in 24 hours, at most.")
    open_tasks: Many = Field(default=20_000, description="Callbacks that wait at a time, at most.")
    tasks_per_hour: Many = Field(
        default=500, description="Callbacks promised in an hour, at most, by hand too: a flood is forged."
    )
    quiet_hours: Hours = Field(
        default=(), description='Times when nobody is dialled, in their own time zone, such as "mon-sun 21:00-24:00".'
    )
    trunk_legs: Some = Field(default=0, description="Calls of ours on one trunk at a time, at most; 0: no limit.")
    trunk_channels: Some = Field(default=0, description="Calls that a trunk can carry; 0: unknown.")
    trunk_kept: Some = Field(default=0, description="Of trunk_channels, those that are kept for live calls.")

    @property
    def quiet(self) -> tuple[Open, ...]:
        """The quiet hours as stretches of the week; empty means never quiet."""
        return parse_all(self.quiet_hours)
