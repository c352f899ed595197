"""A trunk is registered at a real Asterisk, and phones are watched, whatever becomes of callbacks.

Here what was promised cannot be read back.
"""

import sqlite3
from contextlib import closing
from pathlib import Path

from tests.kit.boomerang import Boomerang
from tests.kit.sip_socket import SipSocket
from tests.kit.site import peer
from tests.kit.waiting import eventually
from tests.peers.test_registration import Registrar, account, carrier

__all__ = ["carrier"]

CUSTOMER, AGENT = "+36201234567", "201"
POLICY = {"group": {"sales": {"agents": [AGENT], "on_missed": "ticket"}}}


def spoil(database: Path) -> None:
    """Write what no process of ours ever wrote: a promise that was given at no moment of this world."""
    with closing(sqlite3.connect(database)) as db:
        assert db.execute("UPDATE tasks SET created_at = 'long ago'").rowcount == 1
        db.commit()


def test_registered_though_callbacks_cannot_start(carrier: Registrar, tmp_path: Path) -> None:
    with SipSocket() as pbx:
        node = Boomerang(tmp_path / "boomerang", trunks={"main": {**peer(carrier.port), **account(tmp_path)}},
                         pbxs={"office": {**peer(pbx.port), "dialog_event": "always", "qualify": False}}, policy=POLICY)
        with node as boomerang:
            boomerang.cli("callbacks", "add", CUSTOMER, "--group", "sales")
            eventually(lambda: boomerang.sql("SELECT 1 FROM tasks"), "the promise on disk")
            first = pbx.expect("SUBSCRIBE")
            boomerang.terminate()
            eventually(lambda: carrier.contacts() == [], "no binding")
            boomerang.stop()
            spoil(boomerang.data / "boomerang.db")

            boomerang.restart()
            alarms = {one["name"]: one["text"] for one in boomerang.cli("alarms", "list")}
            assert "callbacks" in alarms, "they could not be started, and say so"
            eventually(lambda: len(carrier.contacts()) == 1, "a binding all the same")
            eventually(lambda: any("trunk_registered" in line for line in boomerang.log), "its line in the log")
            pbx.expect("SUBSCRIBE", where=lambda again: again.call_id != first.call_id)
            boomerang.terminate()
            eventually(lambda: carrier.contacts() == [], "the binding is given back")
