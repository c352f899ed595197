"""The console behind a real nginx with docker/nginx.conf: by https alone, and the address of who asks is theirs."""

import http.client
import shutil
import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.kit.boomerang import Boomerang
from tests.kit.certificates import Authority
from tests.kit.console import Visitor, wait_for_console, with_console
from tests.kit.ports import LOOPBACK, free_port
from tests.kit.process import Process
from tests.kit.waiting import PATIENCE, eventually

ROOT = Path(__file__).resolve().parents[2]
NGINX = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
NAME = "console.example.com"

pytestmark = pytest.mark.skipif(NGINX is None, reason="nginx is not installed")


class SecureVisitor(Visitor):
    """Comes by https, by the console's name."""

    def __init__(self, port: int, ca: Path) -> None:
        super().__init__(port, Host=NAME)
        self._context = ssl.create_default_context(cafile=str(ca))
        self._context.check_hostname = False

    def connect(self) -> http.client.HTTPConnection:
        return http.client.HTTPSConnection(LOOPBACK, self.port, timeout=PATIENCE, context=self._context)


@pytest.fixture(scope="module")
def behind(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Boomerang, int, Path]]:
    folder = tmp_path_factory.mktemp("nginx")
    daemon, port = with_console(folder, console={"hosts": [NAME], "proxies": [LOOPBACK], "secure": True})
    certificate = Authority(folder / "ca").issue(NAME, NAME)
    secure, plain = free_port(), free_port()
    text = (ROOT / "docker/nginx.conf").read_text()
    for old, new in (("443 ssl", f"{secure} ssl"), ("listen 80", f"listen {LOOPBACK}:{plain}"),
                     ("    listen [::]:80;\n", ""), (f"    listen [::]:{secure} ssl;\n", ""),
                     (f"listen {secure}", f"listen {LOOPBACK}:{secure}"), ("127.0.0.1:8088", f"{LOOPBACK}:{port}"),
                     ("/etc/ssl/console/fullchain.pem", str(certificate.certificate)),
                     ("/etc/ssl/console/privkey.pem", str(certificate.key))):
        assert old in text, old
        text = text.replace(old, new)
    temporary = "".join(f"{what}_temp_path {folder}/{what};\n"
                        for what in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
    (folder / "nginx.conf").write_text(f"daemon off; pid {folder}/nginx.pid; error_log stderr;\nevents {{}}\n"
                                       f"http {{\naccess_log off;\n{temporary}{text}}}\n")
    nginx = Process([str(NGINX), "-e", "stderr", "-c", str(folder / "nginx.conf")], name="nginx", cwd=folder)
    try:
        daemon.start()
        wait_for_console(port)
        visitor = SecureVisitor(secure, certificate.ca)
        eventually(lambda: _answers(visitor), "nginx that answers")
        yield daemon, secure, certificate.ca
    finally:
        nginx.stop()
        daemon.stop()


def _answers(visitor: Visitor) -> bool:
    try:
        return visitor.get("/login").status == 200
    except OSError:
        return False


def test_a_page_comes_by_https_with_all_its_headers(behind: tuple[Boomerang, int, Path]) -> None:
    _, port, ca = behind
    answer = SecureVisitor(port, ca).get("/login")
    assert answer.status == 200
    assert "max-age" in answer.headers["strict-transport-security"]
    assert "'nonce-" in answer.headers["content-security-policy"]


def test_who_guesses_is_named_by_their_own_address(behind: tuple[Boomerang, int, Path]) -> None:
    daemon, port, ca = behind
    visitor = SecureVisitor(port, ca)
    assert visitor.post("/login", {"name": "anna", "password": "wrong"}, X_Forwarded_For="198.51.100.7").status == 401
    eventually(lambda: any("login_refused" in line and LOOPBACK in line for line in daemon.log), "a line of theirs")
    assert not any("198.51.100.7" in line for line in daemon.log)


def test_a_form_of_another_site_is_refused(behind: tuple[Boomerang, int, Path]) -> None:
    _, port, ca = behind
    visitor = SecureVisitor(port, ca)
    fields = b"name=anna&password=wrong"
    assert visitor.ask("POST", "/login", fields, Origin="https://evil.example.com").status == 403
    assert visitor.ask("POST", "/login", fields, Origin=f"https://{NAME}").status == 401


def test_by_another_name_there_is_no_console(behind: tuple[Boomerang, int, Path]) -> None:
    _, port, ca = behind
    assert SecureVisitor(port, ca).get("/login", Host="evil.example.com").status == 400
