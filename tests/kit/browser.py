"""Chromium by Playwright: one for a module, a visitor for each user, and everything that went wrong on a page.

While it runs, this thread belongs to it: no `asyncio.run` beside it.
"""

import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, Literal

from axe_playwright_python.sync_playwright import Axe  # type: ignore[import-untyped]
from playwright.sync_api import Browser as Chromium
from playwright.sync_api import BrowserContext, ConsoleMessage, Page, Request, Response, StorageState, sync_playwright

CHROMIUM: Final = shutil.which("chromium")
MISSING: Final = None if CHROMIUM else "chromium is not installed"
"""Why tests that need the browser are skipped."""
FLAGS: Final = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage",
)
PATIENCE_MS: Final = 30_000.0
"""For anything on a page: it bounds a failure alone, on a machine that does much else."""
WIDE, PHONE = (1280, 900), (390, 844)
SERIOUS: Final = frozenset(("serious", "critical"))

NO_FAULTS: Final = ("Failed to load resource", "You are using an htmx 1 extension with htmx 2")
"""What a page says that tells of no fault, or of one that is noted by its answer already."""

Scheme = Literal["light", "dark"]


class Visitor:
    """Somebody with a window of their own: cookies, language, size. Everything that goes wrong is in `wrong`."""

    def __init__(self, context: BrowserContext, base: str) -> None:
        self.base, self._context = base, context
        self.page: Page = context.new_page()
        self.wrong: list[str] = []
        """What the page complained of: errors of scripts, what its policy refused, answers of 400 and more."""
        self.expected: tuple[str, ...] = ()
        """Patterns of what may go wrong."""
        self.page.set_default_timeout(PATIENCE_MS)
        self.page.on("console", self._on_console)
        self.page.on("pageerror", lambda error: self.wrong.append(f"script: {error}"))
        self.page.on("response", self._on_response)
        self.page.on("requestfinished", self._on_finished)

    def _on_console(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning") and not any(one in message.text for one in NO_FAULTS):
            self.wrong.append(f"{message.type}: {message.text}")

    def _on_response(self, response: Response) -> None:
        if response.status >= 400:
            self.wrong.append(f"{response.status} {response.request.method} {response.url}")

    def _on_finished(self, request: Request) -> None:
        if not request.url.startswith(self.base):
            self.wrong.append(f"asked somebody else: {request.url}")

    def open(self, path: str) -> Page:
        """Go to a page of the console and wait until it is there; what it streams goes on."""
        self.page.goto(self.base + path, wait_until="load")
        return self.page

    def log_in(self, name: str, password: str) -> None:
        """Say who it is, by the form."""
        self.open("/login")
        self.page.fill("input[name=name]", name)
        self.page.fill("input[name=password]", password)
        with self.page.expect_navigation():
            self.page.press("input[name=password]", "Enter")

    def state(self) -> StorageState:
        """Return the cookies it has: `storage_state` of another window that is to be the same person."""
        return self._context.storage_state()

    def weigh(self, path: str) -> int:
        """Return how many octets a page takes the first time, with all that belongs to it."""
        came: list[Response] = []

        def note(response: Response) -> None:
            came.append(response)

        self.page.on("response", note)
        try:
            self.page.goto(self.base + path, wait_until="load")
        finally:
            self.page.remove_listener("response", note)
        return sum(int(one.headers.get("content-length") or len(one.body())) for one in came
                   if not one.headers.get("content-type", "").startswith("text/event-stream"))

    def complaints(self) -> list[str]:
        """Return what went wrong and was not expected, and forget it."""
        wrong, self.wrong = self.wrong, []
        return [one for one in wrong if not any(re.search(pattern, one) for pattern in self.expected)]

    def barriers(self) -> list[str]:
        """Return what axe finds serious on the page that is open: rule, and where."""
        found = Axe().run(self.page).response["violations"]
        return [f"{one['id']} ({one['help']}): {', '.join(str(node['target'][0]) for node in one['nodes'][:4])}"
                for one in found if one["impact"] in SERIOUS]

    def overflows(self) -> bool:
        """Whether the page is wider than its window."""
        wide: bool = self.page.evaluate("document.documentElement.scrollWidth > window.innerWidth + 1")
        return wide

    def shoot(self, path: Path, *, full: bool = True) -> None:
        """Keep a picture."""
        self.page.screenshot(path=path, full_page=full)

    def close(self) -> None:
        """Leave."""
        self._context.close()


class Browser:
    """One Chromium."""

    def __init__(self, chromium: Chromium) -> None:
        self._chromium = chromium

    @contextmanager
    def visit(self, base: str, *, language: str = "en", scheme: Scheme = "light", size: tuple[int, int] = WIDE,
              scripts: bool = True, **more: Any) -> Iterator[Visitor]:
        """Open a window at a console; when it is closed, what went wrong there fails. `scripts`: whether pages may run
        theirs; `more`: what Playwright knows further of contexts.
        """
        context = self._chromium.new_context(
            locale=language, color_scheme=scheme, viewport={"width": size[0], "height": size[1]},
            java_script_enabled=scripts, **more)
        visitor = Visitor(context, base)
        try:
            yield visitor
            wrong = visitor.complaints()
            assert not wrong, f"{visitor.page.url}: {wrong}"
        finally:
            visitor.close()


@contextmanager
def chromium() -> Iterator[Browser]:
    """Start one."""
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=CHROMIUM, headless=True, args=list(FLAGS))
        try:
            yield Browser(started)
        finally:
            started.close()
