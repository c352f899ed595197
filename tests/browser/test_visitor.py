"""What a visitor notices of a page that is not as it should be: tests of pages rest on it."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from tests.kit.browser import PHONE, Browser
from tests.kit.ports import LOOPBACK

HEAD = "<!doctype html><html lang=en><head><title>A page</title></head><body><main><h1>A page</h1>"
PAGES = {
    "/good": f"{HEAD}<p>Nothing is wrong.</p></main>",
    "/script": f"{HEAD}<script nonce=n>nobody.knows()</script></main>",
    "/refused": f"{HEAD}<p onclick='a()' style='color:red'>inline</p></main>",
    "/missing": f"{HEAD}<img src=/none.png alt=none></main>",
    "/pale": f"{HEAD}<p><font color=#eeeeee>nobody can read it</font></p></main>",
    "/wide": f"{HEAD}<pre>{'far away ' * 100}</pre></main>",
}
POLICY = "default-src 'none'; img-src 'self'; script-src 'nonce-n'"


class Pages(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        text = PAGES.get(self.path)
        body = (text or "").encode()
        self.send_response(204 if self.path == "/favicon.ico" else 404 if text is None else 200)
        for field in (("Content-Type", "text/html; charset=utf-8"), ("Content-Security-Policy", POLICY)):
            self.send_header(*field)
        if self.path != "/favicon.ico":
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: object) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def base() -> Iterator[str]:
    server = ThreadingHTTPServer((LOOPBACK, 0), Pages)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://{LOOPBACK}:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


def test_a_good_page_has_nothing_wrong(browser: Browser, base: str) -> None:
    with browser.visit(base) as visitor:
        visitor.open("/good")
        assert visitor.barriers() == []
        assert not visitor.overflows()
        assert visitor.weigh("/good") == len(PAGES["/good"])


@pytest.mark.parametrize(("path", "word"), [("/script", "nobody"), ("/refused", "violates"), ("/missing", "404 GET")])
def test_a_page_that_complains_fails(browser: Browser, base: str, path: str, word: str) -> None:
    with pytest.raises(AssertionError, match=word), browser.visit(base) as visitor:
        visitor.open(path)


def test_what_is_expected_does_not_fail(browser: Browser, base: str) -> None:
    with browser.visit(base) as visitor:
        visitor.expected = (r"404 GET .*/none\.png",)
        visitor.open("/missing")


def test_barriers_and_width_are_seen(browser: Browser, base: str) -> None:
    with browser.visit(base, size=PHONE) as visitor:
        visitor.open("/pale")
        assert any(one.startswith("color-contrast") for one in visitor.barriers())
        visitor.open("/wide")
        assert visitor.overflows()
