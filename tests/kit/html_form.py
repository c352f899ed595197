"""A page as somebody without JavaScript uses it: its forms with what stands in them, and its text."""

from dataclasses import dataclass, field
from html.parser import HTMLParser


@dataclass
class HtmlForm:
    """A form: where it goes, and what is sent if nothing is typed."""

    action: str
    method: str
    fields: dict[str, str] = field(default_factory=dict)
    choices: dict[str, list[str]] = field(default_factory=dict)
    """Values of a choice, by the name of its input."""


class HtmlPage(HTMLParser):
    """Reads a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.forms: list[HtmlForm] = []
        self.words: list[str] = []
        self._form: HtmlForm | None = None
        self._select = self._area = ""
        self.feed(text)

    @property
    def text(self) -> str:
        """Everything that is read, in one line."""
        return " ".join(" ".join(self.words).split())

    def form(self, action: str) -> HtmlForm:
        """Return the form that is posted to a path."""
        return next(one for one in self.forms if one.action.partition("?")[0] == action and one.method == "post")

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        said = {key: value or "" for key, value in attrs}
        name = said.get("name", "")
        if tag == "form":
            self._form = HtmlForm(said.get("action", ""), said.get("method", "get"))
            self.forms.append(self._form)
        elif self._form is None or ("disabled" in said and tag != "option"):
            self._select = self._area = ""
        elif tag == "input" and name:
            if said.get("type") in ("radio", "checkbox"):
                self._form.choices.setdefault(name, []).append(said.get("value", ""))
            if said.get("type") not in ("radio", "checkbox") or "checked" in said:
                self._form.fields[name] = said.get("value", "")
        elif tag == "select":
            self._select = name
        elif tag == "option" and self._select:
            self._form.choices.setdefault(self._select, []).append(said.get("value", ""))
            if "selected" in said or self._select not in self._form.fields:
                self._form.fields[self._select] = said.get("value", "")
        elif tag == "textarea":
            self._area = name
            self._form.fields[name] = ""

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._form = None
        elif tag == "select":
            self._select = ""
        elif tag == "textarea":
            self._area = ""

    def handle_data(self, data: str) -> None:
        if self._area and self._form is not None:
            self._form.fields[self._area] += data
        else:
            self.words.append(data)
