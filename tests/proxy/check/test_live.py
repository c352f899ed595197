"""`check --live` against sockets that answer, refuse and say nothing."""

import json
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import pytest

from proxy.check import live
from proxy.check.examination import examine_all, look
from tests.kit import postgres
from tests.kit.certificates import Authority
from tests.kit.mosquitto import MISSING, broker
from tests.kit.ports import LOOPBACK, free_port
from tests.kit.waiting import PATIENCE, eventually

ROOT = Path(__file__).parents[3]


class FarEnd:
    """Answers every OPTIONS with `status`; None: says nothing."""

    def __init__(self, transport: str, status: int | None) -> None:
        self.port, self.transport, self.status = free_port(), transport, status
        self.heard: list[bytes] = []
        self.sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM if transport == "udp" else socket.SOCK_STREAM)
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.sock.bind((LOOPBACK, self.port))
        if transport == "tcp":
            self.sock.listen()
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def __enter__(self) -> "FarEnd":
        return self

    def __exit__(self, *args: object) -> None:
        with suppress(OSError):
            self.sock.shutdown(socket.SHUT_RDWR)
        self.sock.close()
        self._thread.join(PATIENCE)

    def _serve(self) -> None:
        try:
            while True:
                if self.transport == "udp":
                    data, address = self.sock.recvfrom(65536)
                    if not data:
                        return
                    answer = self._answer(data)
                    if answer:
                        self.sock.sendto(answer, address)
                else:
                    connection, _ = self.sock.accept()
                    with connection:
                        connection.sendall(self._answer(connection.recv(65536)))
                        connection.recv(65536)
        except OSError:
            return

    def _answer(self, data: bytes) -> bytes:
        self.heard.append(data)
        if self.status is None:
            return b""
        kept = [line for line in data.split(b"\r\n")
                if line.split(b":")[0] in (b"Via", b"From", b"To", b"Call-ID", b"CSeq")]
        return b"\r\n".join([b"SIP/2.0 %d Anything" % self.status, *kept, b"Content-Length: 0", b"", b""])


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as found:
        yield found


def write(folder: Path, **places: Any) -> Path:
    """A boomerang.toml around these peers; `more`: sections at its end."""
    settings = {"transport": "udp", "listen": f"{LOOPBACK}:{free_port()}", "trunk": "", "pbx": "", "more": "",
                "data": str(folder), **places}
    low = free_port(4)
    file = folder / "boomerang.toml"
    text = ('[node]\ndata = "{data}"\n[[listen]]\nuri = "{transport}://{listen}"\n[trunk.main]\npeers = ["{trunk}"]\n'
            '[pbx.office]\npeers = ["{pbx}"]\n[media]\nports = "{low}-{high}"\n{more}\n')
    file.write_text(text.format(low=low, high=low + 3, **settings))
    return file


def told(file: Path) -> list[tuple[str, str, str]]:
    """What is found, as (key, level, text)."""
    config = examine_all(file).config
    assert config is not None
    return [(one.key, one.level, one.text) for one in look(file, config)]


def one(found: list[tuple[str, str, str]], key: str) -> tuple[str, str]:
    [(level, text)] = [(level, text) for name, level, text in found if name == key]
    return level, text


def test_who_answers_is_there_whatever_the_answer(tmp_path: Path, stack: ExitStack) -> None:
    trunk, pbx = stack.enter_context(FarEnd("udp", 200)), stack.enter_context(FarEnd("udp", 404))
    file = write(tmp_path, trunk=f"sip:{LOOPBACK}:{trunk.port}", pbx=f"sip:{LOOPBACK}:{pbx.port}")
    found = told(file)
    assert {level for _, level, _ in found} == {"ok"}, found
    assert f"udp:{LOOPBACK}:{trunk.port} answers OPTIONS with 200" in one(found, "trunk.main.peers[0]")[1]
    assert "with 404" in one(found, "pbx.office.peers[0]")[1]
    assert trunk.heard[0].startswith(b"OPTIONS sip:127.0.0.1:")
    assert [key for key, _, _ in found][:3] == ["listen[0].uri", "media.ports", "node.data"]


def test_who_refuses_and_who_says_nothing(tmp_path: Path, stack: ExitStack, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "PATIENCE", 1.3)
    monkeypatch.setattr(live, "REPEATS", (0.0, 0.1, 0.2))
    silent = stack.enter_context(FarEnd("udp", None))
    file = write(tmp_path, trunk=f"sip:{LOOPBACK}:{free_port()}", pbx=f"sip:{LOOPBACK}:{silent.port}")
    found = told(file)
    level, text = one(found, "trunk.main.peers[0]")
    assert (level, "nobody listens there" in text) == ("error", True)
    level, text = one(found, "pbx.office.peers[0]")
    assert (level, "gives no answer to OPTIONS" in text) == ("error", True)
    eventually(lambda: len(silent.heard) == 3, "a datagram may be lost")


def test_over_tcp(tmp_path: Path, stack: ExitStack) -> None:
    pbx = stack.enter_context(FarEnd("tcp", 200))
    file = write(tmp_path, transport="tcp", trunk=f"sip:{LOOPBACK}:{free_port()};transport=tcp",
                 pbx=f"sip:{LOOPBACK}:{pbx.port};transport=tcp")
    found = told(file)
    assert one(found, "pbx.office.peers[0]")[0] == "ok"
    assert "nobody listens there" in one(found, "trunk.main.peers[0]")[1]


def test_a_name_without_an_address(tmp_path: Path, stack: ExitStack) -> None:
    pbx = stack.enter_context(FarEnd("udp", 200))
    file = write(tmp_path, trunk="sip:carrier.invalid:5060", pbx=f"sip:{LOOPBACK}:{pbx.port}",
                 more=f'[dns]\nservers = ["{LOOPBACK}:{free_port()}"]')
    level, text = one(told(file), "trunk.main.peers[0]")
    assert level == "error"
    assert text.startswith("carrier.invalid has no address: ")


def test_a_port_that_another_program_has(tmp_path: Path, stack: ExitStack) -> None:
    pbx, other = stack.enter_context(FarEnd("udp", 200)), stack.enter_context(FarEnd("udp", None))
    web = stack.enter_context(FarEnd("tcp", 200))
    file = write(tmp_path, listen=f"{LOOPBACK}:{other.port}", trunk=f"sip:{LOOPBACK}:{pbx.port}",
                 pbx=f"sip:{LOOPBACK}:{pbx.port + 1}", more=f'[http]\nlisten = "{LOOPBACK}:{web.port}"')
    found = told(file)
    for key in ("listen[0].uri", "http.listen"):
        level, text = one(found, key)
        assert (level, "another program has it" in text) == ("error", True)
    assert one(found, "trunk.main.peers[0]")[0] == "ok", "it is asked from another port then"


def test_an_address_that_is_not_ours(tmp_path: Path, stack: ExitStack) -> None:
    file = write(tmp_path, listen="192.0.2.7:5060", trunk="sip:192.0.2.8", pbx="sip:192.0.2.9")
    found = told(file)
    assert one(found, "listen[0].uri")[1].endswith("this machine has no such address")
    assert {level for key, level, _ in found if key.startswith(("listen", "media", "trunk", "pbx"))} == {"error"}


def test_a_folder_that_cannot_be_made(tmp_path: Path, stack: ExitStack) -> None:
    pbx = stack.enter_context(FarEnd("udp", 200))
    file = write(tmp_path, data="/proc/boomerang", trunk=f"sip:{LOOPBACK}:{pbx.port}",
                 pbx=f"sip:{LOOPBACK}:{pbx.port + 1}")
    level, text = one(told(file), "node.data")
    assert (level, "cannot be made in /proc" in text) == ("error", True)


def test_certificates(tmp_path: Path, stack: ExitStack) -> None:
    authority = Authority(tmp_path)
    here, other = authority.issue("here", LOOPBACK), authority.issue("other", LOOPBACK)
    for name, good in ((here.key, True), (other.key, False)):
        more = (f'[[listen]]\nuri = "tls://{LOOPBACK}:{free_port()}"\ncertificate = "{here.certificate}"\n'
                f'private_key = "{name}"\n')
        file = write(tmp_path, trunk=f"sip:{LOOPBACK}:{free_port()}", pbx=f"sip:{LOOPBACK}:{free_port()}", more=more)
        level, text = one(told(file), "listen[1].certificate")
        assert (level != "error") == good, text


def test_where_tickets_go(tmp_path: Path, stack: ExitStack) -> None:
    hook = stack.enter_context(FarEnd("tcp", 200))
    more = (f'[tickets]\nwebhook = "http://{LOOPBACK}:{hook.port}/x"\nsmtp = "smtp://{LOOPBACK}:{free_port()}"\n'
            'mail_from = "a@example.com"\nmail_to = ["b@example.com"]')
    file = write(tmp_path, trunk=f"sip:{LOOPBACK}:{free_port()}", pbx=f"sip:{LOOPBACK}:{free_port()}", more=more)
    found = told(file)
    assert (one(found, "tickets.webhook")[0], one(found, "tickets.smtp")[0]) == ("ok", "error")


@pytest.mark.skipif(MISSING is not None, reason=str(MISSING))
def test_the_broker(tmp_path: Path) -> None:
    with broker(tmp_path) as there:
        for port, good in ((there.port, True), (free_port(), False)):
            file = write(tmp_path, trunk=f"sip:{LOOPBACK}:{free_port()}", pbx=f"sip:{LOOPBACK}:{free_port()}",
                         more=f'[mqtt]\nurl = "mqtt://{LOOPBACK}:{port}"')
            level, text = one(told(file), "mqtt.url")
            assert (level == "ok") == good, text


def test_as_a_command(tmp_path: Path, stack: ExitStack) -> None:
    pbx = stack.enter_context(FarEnd("udp", 200))
    file = write(tmp_path, trunk=f"sip:{LOOPBACK}:{pbx.port}", pbx=f"sip:{LOOPBACK}:{free_port()}")

    def run(*options: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run([sys.executable, "-m", "proxy", "check", "--live", *options, str(file)], cwd=ROOT,
                              capture_output=True, text=True, timeout=60, check=False)

    shown = run()
    assert shown.returncode == 2, shown.stdout + shown.stderr
    assert f"{file}:8: pbx.office.peers[0]: udp:{LOOPBACK}" in shown.stdout
    assert f"{file}:6: ok: trunk.main.peers[0]: udp:{LOOPBACK}" in shown.stdout
    problems = json.loads(run("--json").stdout)
    assert {one["level"] for one in problems} == {"ok", "error"}


def with_database(file: Path, address: str, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SHARED_DATABASE", address)
    file.write_text(file.read_text() + '\n[cluster]\ndatabase = "env:SHARED_DATABASE"\n')
    return file


@pytest.mark.skipif(postgres.MISSING is not None, reason=str(postgres.MISSING))
def test_the_database_that_nodes_share(tmp_path: Path, stack: ExitStack, monkeypatch: pytest.MonkeyPatch) -> None:
    far = stack.enter_context(FarEnd("udp", 200))
    file = write(tmp_path, trunk=f"sip:{LOOPBACK}:{far.port}", pbx=f"sip:{LOOPBACK}:{far.port}")
    server = stack.enter_context(postgres.server())
    level, text = one(told(with_database(file, server.url(password="s3cret"), monkeypatch)), "cluster.database")
    assert (level, text.split(" after ")[0]) == ("ok", f"postgresql://{LOOPBACK}/postgres takes us,")
    server.stop()
    level, text = one(told(file), "cluster.database")
    assert (level, "nothing can be shared" in text, "s3cret" in text) == ("error", True, False)


@pytest.mark.parametrize(("driver", "address", "text"), [
    (False, "postgresql://db1/boomerang", "needs PostgreSQL's driver, which is not installed here"),
    pytest.param(True, "postgresql://u:s3cret@db1:port/boomerang?no=such", "it is no address that libpq can read",
                 marks=pytest.mark.skipif(postgres.MISSING is not None, reason=str(postgres.MISSING))),
])
def test_a_database_that_can_never_be_opened(tmp_path: Path, driver: bool, address: str, text: str) -> None:
    """Both the check and the daemon say so, and this node does not go on alone: others share the work."""
    file = write(tmp_path, trunk=f"sip:{LOOPBACK}", pbx="sip:127.0.0.2")
    file.write_text(file.read_text() + '\n[cluster]\ndatabase = "env:SHARED_DATABASE"\n')
    without = "" if driver else "sys.modules['psycopg'] = None; "
    for command in ("check", "run"):
        done = subprocess.run(
            [sys.executable, "-c", f"import sys; {without}from proxy.cli import main; "
             f"sys.argv = ['boomerang', '{command}', '-c', '{file}']; main()"],
            cwd=ROOT, env={**os.environ, "SHARED_DATABASE": address}, capture_output=True, text=True)
        assert done.returncode == 2, done.stdout + done.stderr
        assert text in done.stdout + done.stderr
        assert "cluster.database" in done.stdout + done.stderr
        assert "s3cret" not in done.stdout + done.stderr
