"""Who may come in, by which name and from which page; and the headers of every answer."""

import base64
import hashlib
import re
import socket
from contextlib import ExitStack
from urllib.parse import quote, unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.console.entry import path_of
from proxy.console.pages.login import place
from proxy.web.connections import MOST_OF_ONE
from tests.kit.console import PASSWORD, Served, SomeToken, SomeUser, Visitor
from tests.kit.ports import LOOPBACK
from tests.kit.waiting import PATIENCE


def logged_in(served: Served, name: str = "admin") -> Visitor:
    visitor = Visitor(served.port)
    assert visitor.log_in(name).status == 303
    return visitor


def test_whoever_is_unknown_is_asked_who_they_are_and_brought_back(served: Served) -> None:
    visitor = Visitor(served.port)
    answer = visitor.get("/logout?a=1")
    assert (answer.status, answer.headers["location"]) == (303, "/login?next=%2Flogout%3Fa%3D1")
    answer = visitor.post("/login", {"name": "admin", "password": PASSWORD, "next": "/callbacks?state=open"})
    assert (answer.status, answer.headers["location"]) == (303, "/callbacks?state=open")
    assert visitor.get("/logout").status == 200


def test_a_fragment_of_a_page_says_that_one_must_log_in_again(served: Served) -> None:
    answer = Visitor(served.port).get("/logout", HX_Request="true", HX_Current_URL="http://localhost/desk?x=1")
    assert (answer.status, answer.headers["hx-redirect"]) == (401, "/login?next=%2Fdesk%3Fx%3D1")


@pytest.mark.parametrize("sent", ["/%2F", "/%2f", "/a%2Fb", "/%2F%2F"])
def test_a_slash_that_was_written_as_a_sign_ends_no_part_of_a_path(sent: str) -> None:
    path = path_of({"path": f"/callbacks{unquote(sent)}", "raw_path": f"/callbacks{sent}".encode()})
    assert path == f"/callbacks{sent.upper().replace('A', 'a').replace('B', 'b')}"


@given(st.text(st.characters(codec="utf-8"), max_size=20))
def test_every_other_path_is_as_it_was_decoded(name: str) -> None:
    sent = quote(name)
    assert path_of({"path": f"/{name}", "raw_path": f"/{sent}".encode()}) == f"/{name}"


@pytest.mark.parametrize("said", ["http://[", "", "no address", "http://localhost"])
def test_where_a_fragment_is_of_may_be_anything(served: Served, said: str) -> None:
    assert Visitor(served.port).get("/logout", HX_Request="true", HX_Current_URL=said).status == 401


@pytest.mark.parametrize("cookie", ["x", "W10=", "e30=", "W1tbW1s=", base64.b64encode(b"[" * 30_000).decode(), "////"])
def test_a_line_that_was_made_up_is_not_shown(served: Served, cookie: str) -> None:
    visitor = Visitor(served.port)
    visitor.cookies["boomerang_said"] = cookie
    assert visitor.get("/login").status == 200


@pytest.mark.parametrize("name", ["admin", "nobody", "gone"])
def test_a_wrong_password_says_the_same_for_everybody(served: Served, name: str) -> None:
    answer = Visitor(served.port).log_in(name, "wrong" if name != "gone" else PASSWORD)
    assert answer.status == 401
    assert "Name or password is wrong." in answer.text
    assert "boomerang_session" not in answer.cookies


def test_the_cookie_is_for_the_server_alone(served: Served) -> None:
    answer = Visitor(served.port).log_in("admin")
    line = answer.headers["set-cookie"]
    assert line.startswith("boomerang_session=")
    assert {part.strip().lower() for part in line.split(";")} >= {"httponly", "samesite=lax", "path=/"}
    assert "secure" not in line.lower()


def test_after_log_out_the_cookie_is_worth_nothing(served: Served) -> None:
    visitor = logged_in(served)
    cookie = visitor.cookies["boomerang_session"]
    assert visitor.post("/logout").headers["location"] == "/login"
    visitor.cookies["boomerang_session"] = cookie
    assert visitor.get("/logout").status == 303


@pytest.mark.parametrize("change", ["password", "disabled", "removed"])
def test_a_session_ends_with_what_it_was_made_for(served: Served, change: str) -> None:
    served.people.users["eva"] = SomeUser("eva", "agent")
    visitor = logged_in(served, "eva")
    assert visitor.get("/logout").status == 200
    if change == "removed":
        del served.people.users["eva"]
    else:
        setattr(served.people.users["eva"], change, {"password": SomeUser("eva").password, "disabled": True}[change])
    assert visitor.get("/logout").status == 303


@pytest.mark.parametrize(("shown", "known"), [
    ("good", True), ("revoked", False), ("late", False), ("unknown", False), ("", False)])
def test_a_token_lets_in(served: Served, shown: str, known: bool) -> None:
    rows = {"good": SomeToken(), "revoked": SomeToken("2", revoked=True), "late": SomeToken("3", expires=1.0)}
    for name, row in rows.items():
        served.people.tokens[hashlib.sha256(name.encode()).hexdigest()] = row
    answer = Visitor(served.port).get("/logout", Authorization=f"Bearer {shown}")
    assert (answer.status == 200) is known


@pytest.mark.parametrize(("host", "status"), [
    ("127.0.0.1", 200), ("localhost", 200), ("[::1]:8088", 200), ("console.example.com", 200),
    ("CONSOLE.example.com:443", 200), ("192.0.2.9", 200), (socket.gethostname(), 200),
    ("evil.example.com", 400), ("console.example.com.evil.com", 400), ("127.0.0.1.nip.io", 400), ("a@b", 400),
])
def test_nobody_asks_by_a_strange_name(served: Served, host: str, status: int) -> None:
    assert Visitor(served.port).get("/login", Host=host).status == status
    assert Visitor(served.port).get("/static/x/console.css", Host=host).status == status


@pytest.mark.parametrize(("headers", "status"), [
    ({"Sec_Fetch_Site": "same-origin"}, 303), ({"Sec_Fetch_Site": "none"}, 303),
    ({"Sec_Fetch_Site": "cross-site"}, 403), ({"Sec_Fetch_Site": "same-site"}, 403),
    ({"Origin": "http://127.0.0.1:PORT"}, 303), ({"Origin": "https://evil.example.com"}, 403),
    ({"Origin": "null"}, 403), ({}, 403), ({"X_CSRF_Token": "TOKEN"}, 303), ({"X_CSRF_Token": "wrong"}, 403),
    ({"Authorization": "Basic YTpi", "Sec_Fetch_Site": "same-site"}, 403),
    ({"Authorization": "Negotiate YTpi", "Origin": "https://evil.example.com"}, 403),
    ({"Authorization": "", "Sec_Fetch_Site": "cross-site"}, 403), ({"Authorization": "Bearer"}, 403),
    ({"Authorization": "Basic YTpi"}, 403), ({"Authorization": "Basic YTpi", "Sec_Fetch_Site": "same-origin"}, 303),
])
def test_a_change_comes_from_a_page_of_ours(served: Served, headers: dict[str, str], status: int) -> None:
    visitor = logged_in(served)
    found = re.search('name="csrf" value="([0-9a-f]{64})"', visitor.get("/logout").text)
    assert found is not None
    said = {name: value.replace("PORT", str(served.port)).replace("TOKEN", found[1])
            for name, value in headers.items()}
    assert visitor.ask("POST", "/logout", b"", **said).status == status


def test_a_form_may_show_its_token_instead(served: Served) -> None:
    visitor, other = logged_in(served), logged_in(served)
    token = re.search('name="csrf" value="([0-9a-f]{64})"', other.get("/logout").text)
    assert token is not None
    assert visitor.ask("POST", "/logout", f"csrf={token[1]}".encode()).status == 403, "that of another session"
    assert other.ask("POST", "/logout", f"csrf={token[1]}".encode()).status == 303


@pytest.mark.parametrize("path", ["/login", "/nowhere", "/", "/api/v1/nowhere", "/static/x/console.css"])
def test_every_answer_keeps_itself_to_itself(served: Served, path: str) -> None:
    answer = Visitor(served.port).get(path)
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["x-frame-options"] == "DENY"
    nonce = re.search("'nonce-([^']+)'", policy)
    assert nonce is not None
    assert all(f'nonce="{nonce[1]}"' in tag for tag in re.findall("<script[^>]*>", answer.text))


def test_what_goes_wrong_below_api_is_a_problem(served: Served) -> None:
    answer = logged_in(served).get("/api/v1/nowhere")
    assert (answer.status, answer.headers["content-type"]) == (404, "application/problem+json")
    assert answer.json["status"] == 404


def test_a_page_that_is_not_there_says_so_in_ones_language(served: Served) -> None:
    answer = Visitor(served.port, Accept_Language="hu").get("/nowhere")
    assert answer.status == 404
    assert "Nincs ilyen oldal" in answer.text
    assert '<html lang="hu">' in answer.text


def test_the_language_that_was_chosen_is_kept(served: Served) -> None:
    visitor = Visitor(served.port, Accept_Language="hu")
    assert '<html lang="de">' in visitor.get("/login?lang=de").text
    assert '<html lang="de">' in visitor.get("/login").text


@pytest.mark.parametrize("path", ["/login", "/nowhere", "/static/x/console.css"])
def test_a_head_has_no_body(served: Served, path: str) -> None:
    with socket.create_connection((LOOPBACK, served.port), timeout=PATIENCE) as sock:
        sock.sendall(f"HEAD {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
        answer = b"".join(iter(lambda: sock.recv(65_536), b""))
    head, _, body = answer.partition(b"\r\n\r\n")
    assert b"content-length: " in head.lower()
    assert body == b""


def test_a_head_of_what_never_ends_ends(served: Served) -> None:
    cookie = logged_in(served).cookies["boomerang_session"]
    with socket.create_connection((LOOPBACK, served.port), timeout=PATIENCE) as sock:
        sock.sendall(f"HEAD /api/v1/events HTTP/1.1\r\nHost: localhost\r\nCookie: boomerang_session={cookie}\r\n\r\n"
                     "GET /login HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
        answer = b"".join(iter(lambda: sock.recv(65_536), b""))
    first, _, rest = answer.partition(b"\r\n\r\n")
    assert b"text/event-stream" in first
    assert rest.startswith(b"HTTP/1.1 200"), "no body comes before the next answer"


def test_nobody_shuts_others_out_by_streams(served: Served) -> None:
    cookie = logged_in(served, "peter").cookies["boomerang_session"]
    with ExitStack() as stack:
        streams = [stack.enter_context(socket.create_connection((LOOPBACK, served.port), timeout=PATIENCE))
                   for _ in range(MOST_OF_ONE)]
        for one in streams:
            one.sendall(f"GET /api/v1/events HTTP/1.1\r\nHost: localhost\r\nCookie: boomerang_session={cookie}\r\n\r\n"
                        .encode())
            assert one.recv(12) == b"HTTP/1.1 200"
        assert Visitor(served.port).get("/login").status == 200
        assert logged_in(served).get("/logout").status == 200
        gone = [one for one in streams if _ended(one)]
    assert streams[0] in gone, "the oldest made room"
    assert len(gone) < 5


def _ended(stream: socket.socket) -> bool:
    stream.setblocking(False)
    try:
        while stream.recv(65_536):
            pass
    except BlockingIOError:
        return False
    except ConnectionError:
        return True
    return True


@pytest.mark.parametrize(("path", "length", "status"), [
    ("/login", 16_385, 413), ("/logout", 16_385, 413), ("/login", 10**15, 413)])
def test_a_stranger_sends_little(served: Served, path: str, length: int, status: int) -> None:
    with socket.create_connection((LOOPBACK, served.port), timeout=PATIENCE) as sock:
        sock.sendall(f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {length}\r\n\r\n".encode())
        assert sock.recv(100).startswith(f"HTTP/1.1 {status}".encode())


def test_only_a_proxy_that_is_named_says_who_asks(served: Served) -> None:
    said = {"X_Forwarded_For": "198.51.100.7", "X_Forwarded_Proto": "https", "X_Forwarded_Host": "evil.example.com"}
    assert "secure" not in Visitor(served.port).post(
        "/login", {"name": "admin", "password": PASSWORD}, **said).headers["set-cookie"].lower()


@pytest.mark.parametrize(("text", "found"), [
    ("/callbacks?x=1", "/callbacks?x=1"), ("", "/"), ("//evil.example.com", "/"), ("/\\evil.example.com", "/"),
    ("https://evil.example.com", "/"), ("javascript:alert(1)", "/"), ("/a\r\nSet-Cookie: x", "/"), ("/login", "/"),
    ("/logout", "/"), ("/" + "a" * 3_000, "/"), ("callbacks", "/"), ("/\t/evil.example.com", "/"),
])
def test_one_is_brought_back_to_a_page_of_ours_alone(text: str, found: str) -> None:
    assert place(text) == found
