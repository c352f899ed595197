"""Kamailio as the carrier: SIPp's customers call through it, on UDP, TCP and TLS, and its Record-Routes hold."""

from pathlib import Path

import pytest

from tests.kit.boomerang import Boomerang
from tests.kit.certificates import Authority
from tests.kit.kamailio import Kamailio
from tests.kit.ports import LOOPBACK, free_port
from tests.kit.sipp import Sipp
from tests.kit.site import SHARED, peer
from tests.kit.waiting import eventually

pytestmark = pytest.mark.usefixtures("sipp", "kamailio")

CUSTOMER, AGENT = "+36201234567", "201"


@pytest.mark.parametrize("transport", ["udp", "tcp", "tls"])
def test_calls_through_a_carrier(tmp_path: Path, authority: Authority, transport: str) -> None:
    """In: answered, hung up by the caller. Out: refused, so that the customer's next call rings the agent first."""
    customer, carrier, carrier_tls, pbx, agent, hop, hop_tls = (free_port() for _ in range(7))
    own, theirs = authority.issue("boomerang"), authority.issue("carrier", LOOPBACK)
    listeners: dict[str, list[dict[str, object]]] = {
        "udp": [],
        "tcp": [{"uri": f"tcp://{LOOPBACK}:{hop}"}],
        "tls": [
            {
                "uri": f"tls://{LOOPBACK}:{hop_tls}",
                "certificate": own.certificate,
                "private_key": own.key,
                "ca": own.ca,
                "verify_client": True,
            }
        ],
    }
    # Carrier and PBX have one address, and a connection comes from any port: Kamailio's Via says whose it is.
    trunk = peer(carrier_tls if transport == "tls" else carrier, transport=transport)
    there = f"{LOOPBACK}:{hop_tls if transport == 'tls' else hop};transport={transport}"
    with (
        Kamailio(
            tmp_path,
            customer=customer,
            boomerang=there,
            port=carrier,
            tls_port=carrier_tls,
            tls={"certificate": theirs.certificate, "key": theirs.key, "ca": theirs.ca},
        ),
        Sipp("pbx_agent_refuses", tmp_path, port=pbx) as office,
        Boomerang(
            tmp_path / "boomerang",
            trunks={"main": trunk},
            pbxs={"office": peer(pbx, agent)},
            port=hop,
            listen=listeners[transport],
        ) as boomerang,
    ):
        calls = {"port": customer, "remote": carrier, "keys": {"caller": CUSTOMER}}
        with Sipp("caller", tmp_path, calls=5, **calls) as caller:  # type: ignore[arg-type]
            caller.finish()
        assert len(office.received("BYE ")) == 5
        assert all(call.start_line.startswith(f"INVITE sip:{SHARED}@") for call in office.received("INVITE "))
        with Sipp("callee_refuses", tmp_path, port=customer) as phone:
            out = Sipp(
                "caller_refused",
                tmp_path,
                port=agent,
                remote=boomerang.port,
                service=CUSTOMER,
                keys={"caller": AGENT},
            )
            with out:
                out.finish()
            assert phone.received("INVITE ")
        eventually(lambda: boomerang.sql("SELECT * FROM direct"), "a direct callback")
        with Sipp("caller", tmp_path, **calls) as caller:  # type: ignore[arg-type]
            caller.finish()
        assert 486 not in caller.statuses()
        asked = [call.start_line.split()[1].split("@")[0] for call in office.received("INVITE ")]
        assert asked[-2:] == [f"sip:{AGENT}", f"sip:{SHARED}"]
