"""Elements of SVG as text that templates take as it is: every value is escaped."""

from markupsafe import Markup, escape

Value = str | int | float


def element(name: str, inside: Markup | str = "", **attributes: Value) -> Markup:
    """Return one element. A trailing _ of an attribute's name is left out, an inner one becomes a hyphen; `inside` is
    escaped unless it is markup already.
    """
    said = "".join(f' {key.rstrip("_").replace("_", "-")}="{escape(_text(value))}"'
                   for key, value in attributes.items())
    return Markup(f"<{name}{said}>") + escape(inside) + Markup(f"</{name}>")


def drawing(width: float, height: float, title: str, *parts: Markup, class_: str = "") -> Markup:
    """Return a whole drawing, which scales with its place; `title`: what whoever cannot see it is told."""
    return element("svg", element("title", title) + Markup("").join(parts), viewBox=f"0 0 {width:g} {height:g}",
                   role="img", class_=class_)


def _text(value: Value) -> str:
    return f"{value:.6g}" if isinstance(value, float) else str(value)
