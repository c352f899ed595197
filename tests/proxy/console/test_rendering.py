"""What every page has: words from the catalogues, files under their hash, little weight, one line after a change."""

import gzip
import hashlib
import re
from datetime import UTC, datetime
from html.parser import HTMLParser
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from starlette.requests import Request
from starlette.responses import Response

from proxy.console.columns import keep_columns, shown_columns
from proxy.console.rendering import ENVIRONMENT, NOTHING, TEMPLATES, duration, environment, warm
from proxy.console.statics import FILES, HTMX, static_file, static_url
from tests.kit.console import Served, Visitor

HTMX_SHA256 = "491955cd1810747d7d7b9ccb936400afb760e06d25d53e4572b64b6563b2784e"
"""Of htmx 2.0.3 as its authors publish it. Another one is looked at before it comes to browsers."""
FIRST_TIME = 250_000
"""Bytes of a page the first time, with all that it loads."""
OWN_WORDS = {"Boomerang", "API", "CSV", "JSON", "SIP", "pcap"}
"""What is the same in every language."""


def test_htmx_is_the_one_that_was_looked_at() -> None:
    assert hashlib.sha256((HTMX / "htmx.min.js").read_bytes()).hexdigest() == HTMX_SHA256


@pytest.mark.parametrize("name", [*FILES])
def test_a_file_is_kept_under_its_hash(served: Served, name: str) -> None:
    answer = Visitor(served.port).get(static_url(name), Accept_Encoding="gzip")
    assert answer.status == 200
    assert gzip.decompress(answer.body) == static_file(name).content
    assert "immutable" in answer.headers["cache-control"]
    plain = Visitor(served.port).get(static_url(name))
    assert plain.body == static_file(name).content


def test_another_hash_gives_what_there_is_now_and_is_not_kept(served: Served) -> None:
    answer = Visitor(served.port).get("/static/0123456789abcdef/console.css")
    assert (answer.status, answer.headers["cache-control"]) == (200, "no-store")
    assert Visitor(served.port).get("/static/0123456789abcdef/secret.py").status == 404


def test_the_frame_of_a_page_is_light(served: Served) -> None:
    page = Visitor(served.port).get("/login", Accept_Encoding="gzip")
    assert sum(len(static_file(name).packed) for name in FILES) + len(page.body) < FIRST_TIME / 4


def templates() -> list[Path]:
    return sorted(Path(str(TEMPLATES)).glob("*.html"))


READ_OUT = ("title", "aria-label", "placeholder", "alt", "data-confirm")
ATTRIBUTE = re.compile(r'[a-z-]+="[^"]*("|$)')
"""Of a macro that makes a part of a tag."""


class Seen(HTMLParser):
    """What people read of a template: text, and attributes that are read out."""

    def __init__(self) -> None:
        super().__init__()
        self.words: list[str] = []
        self.skipped = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.skipped += tag in ("style", "script")
        self.words += [value for name, value in attrs if value and name in READ_OUT]

    def handle_endtag(self, tag: str) -> None:
        self.skipped -= tag in ("style", "script")

    def handle_data(self, data: str) -> None:
        if not self.skipped:
            self.words.append(data)


def spoken(template: str) -> list[str]:
    """Words of a template that are no template's own doing, so the same in each language."""
    text = re.sub(r"\{%-?\s*trans.*?endtrans\s*-?%\}|\{#.*?#\}|\{%.*?%\}|\{\{.*?\}\}", " ", template, flags=re.DOTALL)
    seen = Seen()
    seen.feed(text)
    words = [word.strip(".,:;()/") for data in seen.words for word in ATTRIBUTE.sub(" ", data).split()]
    return [word for word in words if re.search(r"[^\W\d_]", word) and word not in OWN_WORDS]


def test_words_outside_the_catalogue_are_found() -> None:
    template = '<p title="a sign">{{ _("Name") }} here<b>{% if x %}too{% endif %}</b></p>'
    assert spoken(template) == ["a", "sign", "here", "too"]


@pytest.mark.parametrize("path", templates(), ids=lambda path: path.name)
def test_no_word_stands_outside_the_catalogue(path: Path) -> None:
    assert spoken(path.read_text()) == []


@pytest.mark.parametrize("path", templates(), ids=lambda path: path.name)
def test_a_template_keeps_the_rules_of_the_page(path: Path) -> None:
    """No style, no script and no event handler in a template, for the page's policy lets none through."""
    ENVIRONMENT.get_template(path.name)
    text = re.sub(r"\{#.*?#\}", "", path.read_text(), flags=re.DOTALL)
    assert re.findall(r"<style|\sstyle=|\son[a-z]+=|javascript:|\|\s*safe\b", text) == []
    assert [tag for tag in re.findall(r"<script[^>]*>", text) if 'nonce="{{ nonce }}"' not in tag] == []
    forms = re.findall(r"<form\b[^>]*method=\"post\".*?</form>", text, re.DOTALL)
    assert [form[:200] for form in forms if "form_token" not in form and "token()" not in form] == []


@pytest.mark.parametrize(("seconds", "text"), [
    (None, NOTHING), (0, "0:00"), (59.6, "1:00"), (61, "1:01"), (3_600, "1:00:00"), (90_061, "25:01:01"), (-5, "0:00")])
def test_durations(seconds: float | None, text: str) -> None:
    assert duration(seconds) == text


@pytest.mark.parametrize(("template", "text"), [
    ("{{ at|moment }}", "2026-07-01 14:30:00"), ("{{ at|clock }}", "14:30:00"), ("{{ at|day }}", "2026-07-01"),
    ("{{ none|moment }}", NOTHING)])
def test_moments_are_in_the_zone_of_the_policy(template: str, text: str) -> None:
    at = datetime(2026, 7, 1, 12, 30, tzinfo=UTC).timestamp()
    made = ENVIRONMENT.from_string(template).render(at=at, none=None, zone=ZoneInfo("Europe/Budapest"))
    assert made == text if "clock" in template else f'<span class="moment">{text}</span>'


def asked(cookie: str = "") -> Request:
    headers = [(b"cookie", cookie.encode())] if cookie else []
    return Request({"type": "http", "method": "GET", "path": "/", "headers": headers, "query_string": b"",
                    "scheme": "http"})


def kept(table: str, columns: list[str], cookie: str = "") -> str:
    answer = Response()
    keep_columns(asked(cookie), answer, table, columns)
    return answer.headers.get("set-cookie", "").partition(";")[0]


def test_columns_that_were_chosen_are_shown() -> None:
    every, usual = ["due", "state", "group", "agent"], ["due", "state"]
    assert shown_columns(asked(), "callbacks", every, usual) == usual
    cookie = kept("callbacks", ["agent", "due"])
    assert shown_columns(asked(cookie), "callbacks", every, usual) == ["due", "agent"]
    assert shown_columns(asked(cookie), "calls", every, usual) == usual
    both = kept("calls", ["group"], cookie)
    assert shown_columns(asked(both), "callbacks", every, usual) == ["due", "agent"]
    assert shown_columns(asked(kept("callbacks", [], both)), "callbacks", every, usual) == usual


@pytest.mark.parametrize("cookie", ["boomerang_columns=;;", "boomerang_columns=callbacks:<script>|x",
                                    "boomerang_columns=" + "a:b|" * 500])
def test_a_cookie_that_was_made_up_shows_the_usual_columns(cookie: str) -> None:
    assert shown_columns(asked(cookie), "callbacks", ["due", "state"], ["due"]) == ["due"]


def test_a_browser_is_sent_few_columns_back() -> None:
    cookie = ""
    for number in range(100):
        cookie = kept(f"table{number}", ["one", "two"], cookie)
    assert len(cookie) < 1_000


def test_what_is_warm_is_compiled_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    cold = environment()
    monkeypatch.setattr("proxy.console.rendering.ENVIRONMENT", cold)
    warm()
    monkeypatch.setattr(cold, "compile", None)
    names = [entry.name for entry in TEMPLATES.iterdir()]
    assert [cold.get_template(name).name for name in names] == names
