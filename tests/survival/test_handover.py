"""One process follows another: what comes meanwhile waits in the sockets, over every transport."""

import signal
import socket
import ssl
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.kit.boomerang import ROOT, Boomerang
from tests.kit.callback_scene import CallbackScene, policy
from tests.kit.certificates import Authority
from tests.kit.ports import LOOPBACK, free_port
from tests.kit.process import Process
from tests.kit.service_manager import ServiceManager
from tests.kit.sip_socket import SipSocket, reply, unique
from tests.kit.sip_text import build
from tests.kit.site import peer
from tests.kit.waiting import PATIENCE, eventually
from tests.survival.scene import Faulty, Scene, hang_up, passes


def options(port: int, transport: str) -> bytes:
    """OPTIONS to the daemon."""
    uri = f"sip:{LOOPBACK}:{port}"
    lines = [f"Via: SIP/2.0/{transport} {LOOPBACK}:9;branch={unique('z9hG4bK')}", f"From: <sip:a@{LOOPBACK}>;tag=a"]
    lines += [f"To: <{uri}>", f"Call-ID: {unique('ask')}", "CSeq: 1 OPTIONS", "Max-Forwards: 70"]
    return build(f"OPTIONS {uri} SIP/2.0", lines)


def answer(sock: socket.socket) -> bytes:
    """The first line of what comes."""
    sock.settimeout(PATIENCE)
    return sock.recv(65_535).partition(b"\r\n")[0]


class Followed(Scene):
    """A site whose daemon another one follows, with the same files. Its listeners: UDP, TCP and TLS."""

    def __init__(self, folder: Path, **more: Any) -> None:
        self.tcp, self.tls = free_port(), free_port()
        folder.mkdir(parents=True, exist_ok=True)
        self.authority = Authority(folder)
        ours = self.authority.issue("edge")
        tls = {"certificate": str(ours.certificate), "private_key": str(ours.key)}
        super().__init__(folder, listen=(
            {"uri": f"tcp://{LOOPBACK}:{self.tcp}"}, {"uri": f"tls://{LOOPBACK}:{self.tls}", **tls}), **more)


@contextmanager
def another(daemon: Boomerang, *arguments: str, before: tuple[str, ...] = (), descriptors: tuple[int, ...] = (),
            environment: Mapping[str, str] | None = None) -> Iterator[Process]:
    """A second process with the files of the first."""
    argv = [*before, sys.executable, "-m", "proxy", "run", "-c", str(daemon.config), *arguments]
    with Process(argv, name="the next boomerang", cwd=daemon.folder, descriptors=descriptors,
                 env={"PYTHONPATH": str(ROOT), **(environment or {})}) as process:
        yield process


def running(process: Process) -> None:
    """Wait until it takes calls."""
    process.wait_for('"event":"running"')


def test_a_new_process_takes_over(tmp_path: Path) -> None:
    """A call that talks goes on; a connection that was there is closed, one that comes is answered by the new one."""
    with Followed(tmp_path) as scene:
        call, there = scene.talking()
        old = scene.boomerang.running
        with another(scene.boomerang, "--take-over") as new:
            assert old.wait() == 0
            running(new)
            passes(call, there)
            hang_up(call, there)
            with socket.create_connection((LOOPBACK, scene.tcp)) as stream:
                stream.sendall(options(scene.tcp, "TCP"))
                assert answer(stream) == b"SIP/2.0 200 OK"
            eventually(lambda: scene.boomerang.get("/readyz")[0] == 200, "its pages are there")
            assert scene.boomerang.cli("status")["state"] == "running"
            assert not new.said("http_failed|cannot_start|alarm.raised")


@pytest.mark.parametrize("how", ["restart", "crash"])
def test_what_comes_while_there_is_no_process(tmp_path: Path, how: str) -> None:
    """A datagram that is sent once, and connections over TCP and TLS: the next process answers them all."""
    with ServiceManager(tmp_path) as manager, Followed(
            tmp_path / "node", environment=dict(manager.environment)) as scene:
        call, there = scene.talking()
        old = scene.boomerang.running
        if how == "restart":
            old.signal(signal.SIGUSR2)
            assert old.wait() == 0
        else:
            old.kill9()
        assert len(manager.kept) == 3
        context = ssl.create_default_context(cafile=scene.authority.certificate)
        context.check_hostname = False
        with (
            socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as datagram,
            socket.create_connection((LOOPBACK, scene.tcp)) as stream,
            socket.create_connection((LOOPBACK, scene.tls)) as raw,
        ):
            datagram.connect(scene.hop)
            datagram.send(options(scene.boomerang.port, "UDP").replace(b";branch", b";rport;branch"))
            stream.sendall(options(scene.tcp, "TCP"))
            call.request("INFO")
            before, descriptors = manager.passing()
            with another(scene.boomerang, before=before, descriptors=descriptors,
                         environment=manager.environment) as new:
                assert answer(datagram) == b"SIP/2.0 200 OK"
                assert answer(stream) == b"SIP/2.0 200 OK"
                raw.settimeout(PATIENCE)
                with context.wrap_socket(raw) as shielded:
                    shielded.sendall(options(scene.tls, "TLS"))
                    assert answer(shielded) == b"SIP/2.0 200 OK"
                there.answer(there.expect("INFO"))
                call.expect(200)
                hang_up(call, there)
                running(new)


def test_a_listener_that_is_no_longer_wanted(tmp_path: Path) -> None:
    """The service manager is told to let it go, before another is bound to its address."""
    with ServiceManager(tmp_path) as manager:
        port = free_port()
        with Scene(tmp_path / "node", environment=dict(manager.environment),
                   listen=({"uri": f"udp://0.0.0.0:{port}"},)) as scene:
            scene.boomerang.running.signal(signal.SIGUSR2)
            assert scene.boomerang.running.wait() == 0
            config = scene.boomerang.config
            config.write_text(config.read_text().replace(f"udp://0.0.0.0:{port}", f"udp://{LOOPBACK}:{port}"))
            before, descriptors = manager.passing()
            with another(scene.boomerang, before=before, descriptors=descriptors,
                         environment=manager.environment) as new:
                running(new)
                wanted = {f"udp_{LOOPBACK}_{port}", f"udp_{LOOPBACK}_{scene.boomerang.port}"}
                eventually(lambda: set(manager.kept) == wanted, "the listeners that are wanted are kept")


def test_a_second_one_that_was_not_told_to(tmp_path: Path) -> None:
    """It ends, and the first one has noticed nothing."""
    with Scene(tmp_path) as scene:
        with another(scene.boomerang) as new:
            assert new.wait() == 1
            assert new.said("--take-over")
        scene.both_ways()
        assert scene.boomerang.cli("status")["state"] == "running"


def test_whoever_wanted_to_take_over_goes_away(tmp_path: Path) -> None:
    """While our own conversation keeps it waiting: the old one goes on as if nothing had been."""
    with CallbackScene(tmp_path, policy=policy(), login=None, daemon=Faulty) as scene:
        daemon = scene.boomerang
        assert isinstance(daemon, Faulty)
        scene.miss()
        agent = scene.until(scene.agent_call(), "up")
        customer = scene.until(scene.customer_call(), "up")
        with another(daemon, "--take-over") as new:
            new.wait_for("taking_over")
            daemon.logs("draining", waiting_for_conversations=1)
            new.kill9()
        daemon.logs("take_over_given_up", goes_on=True)
        eventually(lambda: daemon.get("/readyz")[0] == 200, "it is ready again")
        assert (agent.state, customer.state) == ("up", "up")
        scene.hang_up(customer)
        scene.until(agent, "over")
        scene.miss("+36207776666")
        scene.until(scene.agent_call(2), "up")  # and it calls back again


def test_a_start_follows_one_that_is_stopping(tmp_path: Path) -> None:
    """Without being told to: a supervisor starts it again while the old one waits for its last conversation."""
    with CallbackScene(tmp_path, policy=policy(), login=None, daemon=Faulty) as scene:
        daemon = scene.boomerang
        assert isinstance(daemon, Faulty)
        scene.miss()
        agent = scene.until(scene.agent_call(), "up")
        customer = scene.until(scene.customer_call(), "up")
        daemon.terminate()
        daemon.logs("draining", waiting_for_conversations=1)
        with another(daemon) as new:
            new.wait_for("taking_over")
            assert daemon.running.running
            scene.hang_up(customer)
            scene.until(agent, "over")
            assert daemon.running.wait() == 0
            running(new)
            with SipSocket() as someone:
                someone.send(options(daemon.port, "UDP").replace(b"127.0.0.1:9;", someone.at.encode() + b";"),
                             daemon.hop)
                eventually(lambda: [one for one in someone.heard if one.status == 200], "OPTIONS are answered")


@pytest.mark.parametrize(("number", "leaves"), [(signal.SIGUSR2, False), (signal.SIGTERM, True)])
def test_a_registration_outlives_a_restart(tmp_path: Path, number: signal.Signals, leaves: bool) -> None:
    """The carrier is told that we leave when we stop, and not when another process comes at once."""
    (tmp_path / "password").write_text("secret")
    account = {"username": "acme", "password": f"file:{tmp_path / 'password'}", "register": True}
    with SipSocket() as registrar, Scene(
            tmp_path / "node", trunks={"other": {**peer(registrar.port), **account}}) as scene:
        first = registrar.expect("REGISTER")
        bound = [f"Contact: {first.header('Contact')};expires=3600"]
        registrar.send(reply(first, "200 OK", bound, tag="r"), scene.hop)
        scene.boomerang.logs("trunk_registered")
        scene.boomerang.running.signal(number)
        if leaves:
            gone = eventually(lambda: [one for one in registrar.heard if one.all("Expires") == ["0"]], "it leaves")
            registrar.send(reply(gone[0], "200 OK", tag="r"), scene.hop)
        assert scene.boomerang.running.wait() == 0
        asked = {one.header("Expires") for one in registrar.heard if one.method == "REGISTER"}
        assert asked == {"3600", *(["0"] if leaves else [])}
