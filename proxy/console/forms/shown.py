"""A form as a template takes it: words in the language of whoever asks, and beside each field the level that wins."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from proxy.console.forms.fields import ALWAYS, OWN, UNITS, Choice, FormField, Source, path_of
from proxy.console.forms.form import Filled, Form, Section
from proxy.console.forms.recordings import Recordings
from proxy.console.levels import InForce, Path, Raw, default_of, in_force, inherited, set_below, value_at
from proxy.console.words import Words
from proxy.console.words import mark as _

FEW: Final = 5
"""Most of those who have a value of their own that are named beside the company's."""

May = Callable[[Path], bool]
"""Whether whoever asks may change the setting at a path."""

UNIT_WORDS: Final = {"ms": _("milliseconds"), "s": _("seconds"), "m": _("minutes"), "h": _("hours"), "d": _("days")}
_AMOUNTS: Final = {"ms": _("%(number)s ms"), "s": _("%(number)s s"), "m": _("%(number)s min"),
                   "h": _("%(number)s h"), "d": _("%(number)s d")}


@dataclass(frozen=True)
class Known:
    """What there is that may be typed or chosen."""

    names: Mapping[Source, Sequence[str]]
    """But for recordings."""
    recordings: Recordings


@dataclass(frozen=True)
class Option:
    """One of several values."""

    value: str
    label: str
    sentence: str
    chosen: bool
    sounds: tuple[str, ...] = ()
    """Paths of the recordings that are heard, one after the other."""


@dataclass(frozen=True)
class ShownField:
    """A field with everything that stands round it."""

    field: FormField
    text: str
    label: str
    hint: str
    unit: str
    """Word beside a number."""
    units: tuple[Option, ...]
    """Of a duration."""
    options: tuple[Option, ...]
    """Of a choice; the first one may be empty: the level above."""
    names: tuple[str, ...]
    """What may be typed, as far as it is known."""
    level: str
    """Where the value in force comes from, in a sentence."""
    own: bool
    """It is set here, and wins."""
    below: str
    """Who has another one for itself, in a sentence; empty: nobody."""
    error: str
    meanwhile: str
    """What somebody else has saved since; empty: nothing."""
    texts: Mapping[str, str]
    """What stands in each of its inputs."""
    locked: bool
    """It is not for whoever asks to change."""

    @property
    def sounds(self) -> tuple[str, ...]:
        """Paths of what is heard as it stands."""
        return next((one.sounds for one in self.options if one.chosen), ())

    @property
    def plays(self) -> int:
        """How many recordings are heard one after the other, at the most, whatever is chosen."""
        return max((len(one.sounds) for one in self.options), default=0)

    @property
    def id(self) -> str:
        """Of its input in the page."""
        return "f-" + self.field.name.replace(".", "-")

    @property
    def described_by(self) -> str:
        """Ids of what explains it."""
        parts = [("hint", self.hint), ("level", self.level), ("below", self.below), ("error", self.error),
                 ("meanwhile", self.meanwhile)]
        return " ".join(f"{self.id}-{name}" for name, text in parts if text)


@dataclass(frozen=True)
class ShownSection:
    """Fields under a heading."""

    name: str
    heading: str
    lead: str
    folded: bool
    """It is shown when it is opened, and nothing in it needs a look."""
    fields: tuple[ShownField, ...]


@dataclass(frozen=True)
class ShownForm:
    """A form in the language of whoever asks."""

    sections: tuple[ShownSection, ...]
    was: str
    others: tuple[str, ...]
    """What is wrong with no field of it."""
    conflict: bool
    """Somebody else has saved since the page was made."""
    faulty: bool
    """Something stands at its field."""
    editable: bool
    """Something in it is for whoever asks to change."""

    @property
    def locked(self) -> bool:
        """Whether something in it is not for whoever asks to change."""
        return any(one.locked for section in self.sections for one in section.fields)


def show(form: Form, filled: Filled, raw: Raw, words: Words, known: Known, may: May) -> ShownForm:
    """Return a form as it is shown. `raw`: the policy in force; `known`: what may be typed; `may`: what may be changed
    by whoever asks."""
    shower = _Shower(form, filled, raw, words, known, may)
    sections = tuple(map(shower.section, form.sections))
    editable = any(not one.locked for section in sections for one in section.fields)
    return ShownForm(sections, filled.was_json, filled.others, bool(filled.meanwhile), bool(filled.errors), editable)


def say_value(field: FormField, value: Any, words: Words) -> str:
    """Write a value of a field as people read it."""
    if field.source == "prompts" and not value:
        return words.gettext(_("built in") if field.built_in else _("no recording"))
    if value is None or value == "" or value == []:
        return words.gettext(_("nothing"))
    if field.kind == "duration":
        return say_duration(str(value), words)
    if field.kind == "switch":
        return words.gettext(_("on")) if value else words.gettext(_("off"))
    if isinstance(value, list):
        return ", ".join(map(str, value))
    label = next((one.label for one in field.choices if one.value == str(value)), None)
    if label is not None:
        return words.gettext(label)
    if field.kind == "number" and field.unit == "%":
        return f"{value} %"
    return say_duration(value, words) if field.name.endswith("window") else str(value)


def say_duration(text: str, words: Words) -> str:
    """Write a duration of the policy (`24h`) as people read it."""
    number = text.rstrip("mshd")
    unit = text[len(number):]
    return words.gettext(_AMOUNTS[unit]) % {"number": number} if unit in _AMOUNTS else text


class _Shower:
    """Writes the fields of one form."""

    def __init__(self, form: Form, filled: Filled, raw: Raw, words: Words, known: Known, may: May) -> None:
        self._form, self._filled, self._raw, self._words, self._known = form, filled, raw, words, known
        self._may = may

    def section(self, section: Section) -> ShownSection:
        """Return a section; what needs a look is not folded."""
        fields = tuple(map(self._field, section.fields))
        seen = any(one.error or one.meanwhile for one in fields)
        return ShownSection(section.name, self._say(section.heading), self._say(section.lead),
                            section.folded and not seen, fields)

    def _field(self, field: FormField) -> ShownField:
        path = path_of(field, self._form.base)
        text = self._filled.texts.get(field.name, "")
        above = None if field.kind == "member" else inherited(self._raw, path)
        now = value_at(self._raw, path)
        met = field.name in self._filled.meanwhile
        return ShownField(
            field, text, field.label if field.kind == "member" else self._say(field.label), self._say(field.hint),
            field.unit if field.unit == "%" else self._say(field.unit) if field.kind == "number" else "",
            self._units(field), self._options(field, text, above), self._names(field),
            "" if field.kind == "member" else self._level(field, now, above),
            above is not None and now is not None, "" if field.kind == "member" else self._below(field),
            self._say(self._filled.errors.get(field.name, "")), self._met(field, now) if met else "",
            {name: self._filled.texts.get(name, "") for name in field.inputs}, not self._may(path))

    def _sounds(self, field: FormField, name: str) -> tuple[str, ...]:
        """Return what is heard for the name of a recording, or where none is named."""
        if field.source != "prompts":
            return ()
        key = (*field.key[:-1], "language")
        language = self._filled.texts.get(".".join(key)) or in_force(self._raw, (*self._form.base, *key)).value
        found = [self._known.recordings.path(one, language) for one in ([name] if name else field.built_in)]
        return tuple(one for one in found if one)

    def _say(self, text: str) -> str:
        return self._words.gettext(text) if text else ""

    def _fill(self, text: str, **facts: str) -> str:
        return self._words.gettext(text) % facts

    def _level(self, field: FormField, now: Any, above: InForce | None) -> str:
        if above is None:
            return ""
        value = say_value(field, above.value, self._words)
        if now is None:
            if above.place.level == "group":
                return self._fill(_("Inherited from the group %(name)s: %(value)s"), name=above.place.name, value=value)
            return self._fill(_("Inherited from the company: %(value)s"), value=value)
        if above.place.level == "group":
            return self._fill(_("Set here, so this wins; the group %(name)s has: %(value)s"), name=above.place.name,
                              value=value)
        return self._fill(_("Set here, so this wins; the company has: %(value)s"), value=value)

    def _below(self, field: FormField) -> str:
        found = set_below(self._raw, path_of(field, self._form.base))
        if not found:
            return ""
        said = [f"{one.place.name} ({say_value(field, one.value, self._words)})" for one in found[:FEW]]
        if len(found) > FEW:
            said.append("…")
        return self._fill(_("Others win with their own: %(names)s"), names=", ".join(said))

    def _met(self, field: FormField, now: Any) -> str:
        return self._fill(_("Somebody else has set this to: %(value)s"), value=say_value(field, now, self._words))

    def _units(self, field: FormField) -> tuple[Option, ...]:
        if field.kind != "duration":
            return ()
        chosen = self._filled.texts.get(f"{field.name}.unit", field.unit or "s")
        offered = UNITS if chosen in UNITS else (*UNITS, chosen)
        return tuple(Option(unit, self._say(UNIT_WORDS.get(unit, unit)), "", unit == chosen) for unit in offered)

    def _options(self, field: FormField, text: str, above: InForce | None) -> tuple[Option, ...]:
        if field.kind == "hours":
            mode = self._filled.texts.get(f"{field.name}.mode", "")
            modes = (("", _("As the group has them")), (ALWAYS, _("At any time")), (OWN, _("These:")))
            return tuple(Option(value, self._say(label), "", value == mode) for value, label in modes)
        if field.kind not in ("switch", "choice"):
            return ()
        choices = field.choices
        if field.kind == "switch":
            choices = (Choice("true", _("on")), Choice("false", _("off")))
        elif field.source is not None:
            names = self._known.recordings.names if field.source == "prompts" else \
                self._known.names.get(field.source, ())
            choices = tuple(Choice(name, name) for name in names)
        if text and text not in {one.value for one in choices}:
            choices = (*choices, Choice(text, say_value(field, text, self._words)))
        empty = self._empty(field, above)
        first = () if empty is None else (
            Option("", empty, "", not text, self._sounds(field, "" if above is None else above.value or "")),)
        plain = field.source is not None
        return (*first, *(Option(one.value, one.label if plain else self._say(one.label), self._say(one.sentence),
                                 one.value == text, self._sounds(field, one.value)) for one in choices))

    def _empty(self, field: FormField, above: InForce | None) -> str | None:
        """Return how the choice is called that sets nothing here; None: there is none."""
        if above is not None:
            value = say_value(field, above.value, self._words)
            if above.place.level == "group":
                return self._fill(_("as the group %(name)s: %(value)s"), name=above.place.name, value=value)
            return self._fill(_("as the company: %(value)s"), value=value)
        path = path_of(field, self._form.base)
        if default_of(path) not in (None, ""):
            return None
        found = in_force(self._raw, path)
        if found.value in (None, "") or found.place.path == path:
            return say_value(field, None, self._words)
        return self._fill(_("as callbacks: %(value)s"), value=say_value(field, found.value, self._words))

    def _names(self, field: FormField) -> tuple[str, ...]:
        return () if field.source is None or field.kind != "text" else tuple(self._known.names.get(field.source, ()))
