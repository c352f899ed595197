"""TLS of a running Boomerang: whose certificate it believes when it connects, and whom it lets in."""

import shutil
import socket
import ssl
from pathlib import Path
from typing import Any

import pytest

from tests.kit.boomerang import Boomerang
from tests.kit.call import Outgoing, incoming
from tests.kit.certificates import Authority, Certificate
from tests.kit.ports import LOOPBACK, free_port
from tests.kit.sip_socket import SipSocket
from tests.kit.site import SHARED, peer
from tests.kit.waiting import PATIENCE
from tests.survival.scene import CUSTOMER, hang_up

pytestmark = pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not installed")


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture
def strangers(tmp_path: Path) -> Authority:
    """An authority that nobody here believes."""
    return Authority(tmp_path / "strangers")


def listener(port: int, own: Certificate, **more: Any) -> dict[str, Any]:
    return {
        "uri": f"tls://{LOOPBACK}:{port}", "certificate": own.certificate, "private_key": own.key, "ca": own.ca, **more
    }  # fmt: skip


def daemon(folder: Path, carrier: SipSocket, pbx: SipSocket, tls: dict[str, Any], host: str) -> Boomerang:
    """A daemon with a UDP carrier and a TLS PBX that it knows as `host`."""
    uri = f"sip:{host}:{pbx.port};transport=tls"
    pbx_ = {"peers": [uri], "sources": [LOOPBACK]}
    return Boomerang(folder, trunks={"main": peer(carrier.port)}, pbxs={"office": pbx_}, listen=[tls])


@pytest.mark.parametrize("names", [("localhost",), ("127.0.0.1", "localhost")], ids=["name", "name and address"])
def test_the_right_certificate(tmp_path: Path, authority: Authority, names: tuple[str, ...]) -> None:
    """A PBX that is known by name answers with a Contact that says its address: it is still who it was."""
    own, theirs = authority.issue("boomerang"), authority.issue("pbx" + str(len(names)), *names)
    with (
        SipSocket() as carrier,
        SipSocket("tls", server=theirs.server(ask_client=True)) as pbx,
        daemon(tmp_path, carrier, pbx, listener(free_port(), own), "localhost") as boomerang,
    ):
        call = Outgoing(carrier, boomerang.hop, SHARED, CUSTOMER)
        there = incoming(pbx, call_id=call.call_id)
        there.pick_up_with(call)
        hang_up(call, there)


@pytest.mark.parametrize("wrong", ["name", "authority"])
def test_a_wrong_certificate(tmp_path: Path, authority: Authority, strangers: Authority, wrong: str) -> None:
    """The call is refused with 503, and not one octet of it reaches whoever took the connection."""
    own = authority.issue("boomerang2")
    theirs = authority.issue("mallory", "elsewhere.example") if wrong == "name" else strangers.issue("pbx")
    with (
        SipSocket() as carrier,
        SipSocket("tls", server=theirs.server()) as pbx,
        daemon(tmp_path, carrier, pbx, listener(free_port(), own), "localhost") as boomerang,
    ):
        Outgoing(carrier, boomerang.hop, SHARED, CUSTOMER).refused(503)
        assert pbx.heard == []


def test_mutual_tls(tmp_path: Path, authority: Authority, strangers: Authority) -> None:
    """With `verify_client` nobody gets in without a certificate of our authority; who has one makes calls."""
    own, theirs = authority.issue("boomerang3"), authority.issue("pbx3")
    port = free_port()
    tls = listener(port, own, verify_client=True)
    context = theirs.client()
    with (
        SipSocket() as carrier,
        SipSocket("tls", server=theirs.server(), client=context) as pbx,
        daemon(tmp_path, carrier, pbx, tls, "localhost"),
    ):
        assert not lets_in(port, ssl.create_default_context(cafile=str(authority.certificate)))
        other = strangers.issue("pbx")
        stranger = ssl.create_default_context(cafile=str(authority.certificate))
        stranger.load_cert_chain(other.certificate, other.key)
        assert not lets_in(port, stranger)
        assert lets_in(port, context)
        call = Outgoing(pbx, (LOOPBACK, port), CUSTOMER, "201")
        there = incoming(carrier, call_id=call.call_id)
        there.pick_up_with(call)
        hang_up(call, there)


def lets_in(port: int, context: ssl.SSLContext) -> bool:
    """Whether a keep-alive is answered on a new connection."""
    try:
        with (
            socket.create_connection((LOOPBACK, port), timeout=PATIENCE) as plain,
            context.wrap_socket(plain, server_hostname="localhost") as stream,
        ):
            stream.sendall(b"\r\n\r\n")
            return stream.recv(2) == b"\r\n"
    except (ssl.SSLError, ConnectionError):
        return False
