"""Forms of the policy: every setting has its field; what is typed is what is changed, and nothing else."""

import json
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.duration import format_duration
from config.policy import Policy, check_policy, plain_policy
from config.settings import settings
from proxy.console.forms.fields import FormField, TypedError
from proxy.console.forms.form import WAS, Form
from proxy.console.forms.recordings import NO_RECORDINGS, Recordings
from proxy.console.forms.shown import Known, say_value, show
from proxy.console.forms.things import (
    agent_form,
    campaign_form,
    direct_form,
    group_form,
    hours_form,
    number_form,
    queue_form,
    setup_form,
)
from proxy.console.levels import kind_of, value_at
from proxy.console.words import LANGUAGES, words_of

SEED = {
    "region": "HU", "missed_callback": {"enabled": True},
    "group": {"sales": {"agents": ["201", "202"], "target": "600", "missed_callback": {"window": "48h"},
                        "hours": ["mon-fri 08:00-17:00"], "holidays": "HU", "callback": {"confirm_key": ""}},
              "support": {"agents": ["203"]}},
    "agent": {"201": {"name": "Anna", "direct_callback": {"type": 3}}},
    "number": {"+3614445555": {"group": "sales", "queue_callback": {"enabled": True, "limit": "90m"}}},
    "campaign": {"10001": {"name": "Autumn", "group": "sales", "from": "2026-11-01", "hours": [],
                           "do_not_call": ["+36301234567", "+36301234568"], "delay": "1500ms"}},
}


def plain(raw: dict[str, Any]) -> dict[str, Any]:
    policy, found = check_policy(raw)
    assert isinstance(policy, Policy), found
    return plain_policy(policy)


RAW = plain(SEED)
FORMS = {
    "company": setup_form(None), "company direct": direct_form("agent", None), "queue": queue_form(),
    "company hours": hours_form(None), "setup": setup_form("sales"), "group": group_form("sales"),
    "hours": hours_form("sales"), "agent": agent_form("201", ("sales", "support")),
    "number": number_form("+3614445555"), "campaign": campaign_form("10001"),
    "direct": direct_form("group", "sales"), "agent direct": direct_form("agent", "202"),
}
"""Every form there is, of things that the policy lists."""


NOTHING_KNOWN = Known({}, NO_RECORDINGS)


def anybody(path: tuple[str, ...]) -> bool:
    return True


def sent(form: Form, **typed: str) -> dict[str, str]:
    """What a browser sends of a form that was made of RAW."""
    made = form.made(RAW)
    return {**made.texts, **typed, WAS: made.was_json}


@pytest.mark.parametrize(("kind", "form"), [("group", "group"), ("campaign", "campaign"), ("number", "number"),
                                            ("agent", "agent")])
def test_every_setting_of_a_thing_has_its_field(kind: str, form: str) -> None:
    wanted = {setting.key[2:] for setting in settings(Policy) if setting.key[:2] == (kind, "*")}
    assert wanted - {one.key for one in FORMS[form].fields} == set()


def test_every_setting_of_the_company_has_its_field() -> None:
    wanted = {setting.key for setting in settings(Policy) if "*" not in setting.key and setting.key[0] != "guard"}
    forms = ("company", "company direct", "queue", "company hours")
    assert wanted - {one.key for form in forms for one in FORMS[form].fields} == {("region",)}


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_a_field_fits_the_setting_it_is_for(form: Form) -> None:
    for one in form.fields:
        if one.kind == "member":
            continue
        kind = kind_of((*form.base, *one.key))
        fits = {"switch": "true or false", "number": "whole number", "duration": "duration", "names": "list of text",
                "lines": "list of text", "hours": "list of text", "text": "text", "day": "text"}
        assert fits.get(one.kind, "whole number" if one.whole else "text") == kind, one.name
        assert one.hint, one.name


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_what_is_sent_as_it_was_made_changes_nothing(form: Form) -> None:
    assert form.changes(form.typed(sent(form)), RAW) == ({}, {})


@pytest.mark.parametrize(("form", "typed", "changes"), [
    ("company", {"missed_callback.attempts": "6"}, {"missed_callback.attempts": 6}),
    ("company", {"missed_callback.window": "end_of_day", "callback.preview": "1.5"},
     {"missed_callback.window": "end_of_day", "callback.preview": "1500ms"}),
    ("company", {"callback.preview": "90", "callback.preview.unit": "m"}, {"callback.preview": "90m"}),
    ("company", {"missed_callback.responsible_wait": "0,5", "missed_callback.responsible_wait.unit": "h"},
     {"missed_callback.responsible_wait": "30m"}),
    ("setup", {"missed_callback.window": ""}, {"group.sales.missed_callback.window": None}),
    ("setup", {"missed_callback.enabled": "false"}, {"group.sales.missed_callback.enabled": False}),
    ("setup", {"callback.confirm_key": ""}, {"group.sales.callback.confirm_key": None}),
    ("company", {"tickets.on": "closed, guard"}, {"tickets.on": ["closed", "guard"]}),
    ("group", {"agents": "201\n204 205"}, {"group.sales.agents": ["201", "204", "205"]}),
    ("hours", {"hours": "mon 08:00-12:00\n\n tue 08:00-12:00 "},
     {"group.sales.hours": ["mon 08:00-12:00", "tue 08:00-12:00"]}),
    ("hours", {"hours": ""}, {"group.sales.hours": None}),
    ("hours", {"holidays": "none"}, {"group.sales.holidays": ""}),
    ("agent", {"in.sales": "", "in.support": "yes"}, {"group.sales.agents": ["202"],
                                                      "group.support.agents": ["203", "201"]}),
    ("agent", {"direct_callback.type": "0"}, {"agent.201.direct_callback.type": 0}),
    ("agent", {"name": "Anna \"B\" <b>"}, {"agent.201.name": "Anna \"B\" <b>"}),
    ("number", {"queue_callback.offer_prompt": "welcome"},
     {'number."+3614445555".queue_callback.offer_prompt': "welcome"}),
    ("campaign", {"hours.mode": ""}, {"campaign.10001.hours": None}),
    ("campaign", {"hours.mode": "own", "hours": "sat 09:00-12:00"}, {"campaign.10001.hours": ["sat 09:00-12:00"]}),
    ("campaign", {"do_not_call": "+36301234568"}, {"campaign.10001.do_not_call": ["+36301234568"]}),
    ("campaign", {"to": "2026-12-24", "add_key": "5"},
     {"campaign.10001.to": "2026-12-24", "campaign.10001.add_key": "5"}),
])
def test_what_is_typed_is_what_changes(form: str, typed: dict[str, str], changes: dict[str, Any]) -> None:
    assert FORMS[form].changes(FORMS[form].typed(sent(FORMS[form], **typed)), RAW) == (changes, {})


@pytest.mark.parametrize(("form", "name", "text"), [
    ("company", "missed_callback.attempts", "many"), ("company", "callback.preview", "-1"),
    ("company", "callback.preview", "1e400"), ("company", "callback.preview", "NaN"),
    ("company", "missed_callback.attempts", "\u0665"), ("company", "callback.preview", "0.0001"),
])
def test_what_cannot_be_read_stands_at_its_field_and_stays(form: str, name: str, text: str) -> None:
    filled = FORMS[form].typed(sent(FORMS[form], **{name: text}))
    changes, errors = FORMS[form].changes(filled, RAW)
    assert (changes, set(errors), filled.texts[name]) == ({}, {name}, text)


def test_own_hours_that_nobody_wrote_are_asked_for() -> None:
    form = FORMS["campaign"]
    assert set(form.changes(form.typed(sent(form, **{"hours.mode": "own"})), RAW)[1]) == {"hours"}


def test_what_others_saved_is_known_and_what_was_typed_stays() -> None:
    form = FORMS["setup"]
    filled = form.typed(sent(form, **{"missed_callback.window": "24h", "tickets.subject": "Mine"}))
    now = plain({**SEED, "group": {**SEED["group"], "sales": {  # type: ignore[dict-item]
        **SEED["group"]["sales"], "missed_callback": {"window": "12h", "attempts": 7}}}})  # type: ignore[index]
    differing = form.differing(filled, now)
    assert differing == {"missed_callback.window", "missed_callback.attempts"}
    again = form.anew(filled, now, differing)
    assert (again.texts["missed_callback.window"], again.texts["missed_callback.attempts"]) == ("24h", "7")
    assert again.texts["tickets.subject"] == "Mine"
    shown = {one.field.name: one for section in show(form, again, now, words_of("en"), NOTHING_KNOWN, anybody).sections
             for one in section.fields}
    assert shown["missed_callback.window"].meanwhile == "Somebody else has set this to: 12 h"
    # Sent once more, it is taken: what was typed wins now, and what the other saved beside it stays.
    once_more = form.typed({**again.texts, WAS: again.was_json})
    assert form.differing(once_more, now) == frozenset()
    assert form.changes(once_more, now)[0] == {"group.sales.missed_callback.window": "24h",
                                               "group.sales.tickets.subject": "Mine"}


def test_what_the_daemon_says_stands_at_its_field() -> None:
    form = FORMS["number"]
    refused = form.refused(form.typed(sent(form)), [
        {"key": 'number."+3614445555".queue_callback.limit', "text": "must be 1s at least"},
        {"key": "group.sales", "text": "has no agents"}, {"key": "", "text": "no"}], "refused")
    assert refused.errors == {"queue_callback.limit": "must be 1s at least"}
    assert refused.others == ("group.sales: has no agents", "no")
    assert form.refused(form.typed(sent(form)), [], "stopped").others == ("stopped",)
    hours = FORMS["hours"].refused(FORMS["hours"].made(RAW), [{"key": "group.sales.hours[0]", "text": "wrong"}], "")
    assert hours.errors == {"hours": "wrong"}


@pytest.mark.parametrize("was", ["", "[]", "{", "null", '{"missed_callback.attempts": [1]}'])
def test_a_form_that_forgot_what_it_was_made_from_is_no_error(was: str) -> None:
    form = FORMS["company"]
    form.changes(form.typed({WAS: was, "missed_callback.attempts": "4"}), RAW)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_a_form_is_shown_in_every_language(form: Form, language: str) -> None:
    shown = show(form, form.made(RAW), RAW, words_of(language),
                 Known({"groups": ["sales", "support"]}, NO_RECORDINGS), anybody)
    for section in shown.sections:
        for one in section.fields:
            assert one.label
            assert sum(option.chosen for option in one.options) == (1 if one.options else 0), one.field.name
    assert json.loads(shown.was) == form.made(RAW).texts


def test_the_level_that_wins_is_said() -> None:
    shown = {one.field.name: one for section in show(
        FORMS["setup"], FORMS["setup"].made(RAW), RAW, words_of("en"), NOTHING_KNOWN, anybody).sections
        for one in section.fields}
    assert shown["missed_callback.window"].level == "Set here, so this wins; the company has: 24 hours"
    assert shown["missed_callback.attempts"].level == "Inherited from the company: 4"
    company = {one.field.name: one for section in show(
        FORMS["company"], FORMS["company"].made(RAW), RAW, words_of("en"), NOTHING_KNOWN, anybody).sections
        for one in section.fields}
    assert company["missed_callback.window"].below == "Others win with their own: sales (48 hours)"


DURATIONS = st.one_of(st.integers(0, 10**6).map(float), st.integers(0, 10**6).map(lambda ms: ms / 1000))


@given(seconds=DURATIONS)
def test_a_duration_is_read_as_it_is_written(seconds: float) -> None:
    field = FormField(("callback", "preview"), "duration", "", "")
    assert field.read(field.texts(format_duration(seconds)), None) == format_duration(seconds)


@given(text=st.text(max_size=30), form=st.sampled_from(sorted(FORMS)), data=st.data())
def test_whatever_is_typed_is_read_or_refused(text: str, form: str, data: st.DataObject) -> None:
    one = data.draw(st.sampled_from(FORMS[form].fields))
    typed = dict.fromkeys(one.inputs, text)
    try:
        value = one.read(typed, value_at(RAW, (*FORMS[form].base, *one.key)))
    except TypedError:
        return
    json.dumps(value)
    if one.kind != "member":
        say_value(one, value, words_of("en"))


def test_kinds_are_all_known() -> None:
    kinds = {one.kind for form in FORMS.values() for one in form.fields}
    assert kinds == set(get_args(FormField.__annotations__["kind"]))


def test_a_recording_that_is_named_can_be_heard() -> None:
    form = FORMS["number"]
    filled = form.typed(sent(form, **{"queue_callback.offer_prompt": "welcome"}))
    known = Known({}, Recordings(frozenset({("welcome", "en"), ("other", "hu")})))
    shown = show(form, filled, RAW, words_of("en"), known, anybody)
    fields = {one.field.name: one for section in shown.sections for one in section.fields if one.plays}
    assert {name: one.sounds for name, one in fields.items()} == {
        "queue_callback.offer_prompt": ("/prompts/en/welcome.wav",),
        "queue_callback.confirm_prompt": ("/prompts/en/confirmed.wav?built_in=1",),
        "queue_callback.menu_prompt": tuple(f"/prompts/en/menu_{name}.wav?built_in=1"
                                            for name in ("this", "other", "wait"))}
    assert [(one.value, one.label) for one in fields["queue_callback.offer_prompt"].options] == [
        ("", "as the company: built in"), ("other", "other"), ("welcome", "welcome")]


@pytest.mark.parametrize(("typed", "raw", "uploaded", "heard"), [
    ("", {}, {}, "/prompts/en/offer_callback.wav?built_in=1"),
    ("", {"callback": {"language": "hu"}}, {}, "/prompts/hu/offer_callback.wav?built_in=1"),
    ("", {"queue_callback": {"language": "de"}}, {}, "/prompts/de/offer_callback.wav?built_in=1"),
    ("", {"group": {"sales": {"queue_callback": {"offer_prompt": "ours"}}}}, {("ours", None)},
     "/prompts/all/ours.wav"),
    ("", {"queue_callback": {"offer_prompt": "gone"}}, {}, ""),
    ("", {}, {("offer_callback", "en")}, "/prompts/en/offer_callback.wav"),
    ("", {}, {("offer_callback", "hu")}, "/prompts/en/offer_callback.wav?built_in=1"),
    ("own", {"callback": {"language": "hu"}}, {("own", "hu"), ("own", None)}, "/prompts/hu/own.wav"),
    ("own", {"callback": {"language": "hu"}}, {("own", "de"), ("own", None)}, "/prompts/all/own.wav"),
    ("own", {"callback": {"language": "hu"}}, {("own", "de"), ("own", "en")}, "/prompts/en/own.wav"),
    ("own", {}, {("own", "hu")}, ""), ("gone", {}, {}, "")])
def test_what_is_heard_is_what_callers_hear(typed: str, raw: dict[str, Any], uploaded: set[tuple[str, str | None]],
                                            heard: str) -> None:
    """As the media process finds a recording: of their language, of every one, that of the program, English."""
    form, number = number_form("+3614445555"), {"+3614445555": {"group": "sales"}}
    filled = form.typed(sent(form, **{"queue_callback.offer_prompt": typed}))
    shown = show(form, filled, {"number": number, **raw}, words_of("en"), Known({}, Recordings(frozenset(uploaded))),
                 anybody)
    sounds = {one.field.name: one.sounds for section in shown.sections for one in section.fields}
    assert sounds["queue_callback.offer_prompt"] == ((heard,) if heard else ())
