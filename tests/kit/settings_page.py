"""A page of settings as somebody fills it in: fields by their names in the form, and what says that it is saved."""

from collections.abc import Mapping

from playwright.sync_api import Page


def fill(page: Page, typed: Mapping[str, str]) -> None:
    """Type into the fields of a form, in whatever way each is typed; what is folded is opened."""
    page.evaluate("document.querySelectorAll('main details').forEach(one => { one.open = true })")
    for name, value in typed.items():
        field = page.locator(f"form.settings [name='{name}']")
        kind = field.first.evaluate("one => one.type")
        if kind == "radio":
            page.locator(f"form.settings [name='{name}'][value='{value}']").check()
        elif kind == "select-one":
            field.select_option(value)
        else:
            field.fill(value)


def save(page: Page) -> None:
    """Save the form, and see that it says so."""
    page.locator("form.settings button[value=save]").click()
    page.locator(".flash-good").wait_for()
