"""The site of docker/cluster on loopback, without docker: its own files, with other addresses and folders in them.

Carrier, PBX, PostgreSQL and broker are whatever the test has at the ports that it names.
"""

import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from tests.kit.boomerang import ROOT, Boomerang
from tests.kit.ports import LOOPBACK, bound, free_port
from tests.kit.process import Process

FILES: Final = ROOT / "docker/cluster"
NODES: Final = {"a": "203.0.113.5:5081", "b": "203.0.113.5:5082"}
_TRUNK_SIDE, _PBX_SIDE = "203.0.113.5:5060", "203.0.113.5:5070"
_CARRIER, _PBX = "198.51.100.10:5060", "203.0.113.10:5060"
_DATABASE: Final = "env:BOOMERANG_DATABASE"
_KEY, _LIST = "env:BOOMERANG_NODE_KEY", "/etc/kamailio/dispatcher.list"


class ClusterSite:
    """Its files as they are here, and who is started with them: nodes `a` and `b`, and the Kamailio in front."""

    def __init__(self, folder: Path, *, carrier: int, pbx: int, database: str | None = None) -> None:
        """`carrier`, `pbx`: their UDP ports. `database`: the address of one that the nodes share."""
        self._folder, self._shares = folder, database is not None
        self.front, self.inside = free_port(), free_port()
        """Where the carrier and the PBX find Kamailio."""
        self.ports = {name: free_port() for name in NODES}
        key = folder / "node.key"
        key.write_text("5a" * 32)
        key.chmod(0o600)
        ours = {_CARRIER: carrier, _PBX: pbx, _TRUNK_SIDE: self.front, _PBX_SIDE: self.inside}
        ours |= {there: self.ports[name] for name, there in NODES.items()}
        self._places = {there: f"{LOOPBACK}:{port}" for there, port in ours.items()}
        (folder / "database").write_text(database or "")
        self._places |= {_KEY: f"file:{key}", _DATABASE: f"file:{folder / 'database'}",
                         _LIST: str(folder / "dispatcher.list")}

    def text(self, name: str) -> str:
        """Return one of the files, each place in it that is ours one of this machine's."""
        known = "|".join(map(re.escape, self._places))
        text, found = re.subn(rf"(?<![\d.])(?:{known})(?!\d)", lambda at: self._places[at[0]],
                              (FILES / name).read_text())
        assert found, f"{name} names nobody who is here"
        return text

    def node(self, name: str, *, data: str | None = None, policy: Mapping[str, Any] | None = None,
             more: Mapping[str, Any] | None = None) -> Boomerang:
        """Return a node, not started yet: without broker and console, unless `more` has tables for them in the place of
        its file's, and without a shared database unless the site has one. `data`: the folder that it has its data in,
        as another one at its address would.
        """
        tables = tomllib.loads(self.text(f"node-{name}.toml"))
        if not self._shares:
            del tables["cluster"]["database"]
        folder = self._folder / (data or name)
        tables |= {"node": {**tables["node"], "data": folder / "data"}, "mqtt": {"url": "off"},
                   "console": {"listen": "off"}}
        del tables["http"]  # it has one of its own
        return Boomerang(folder, trunks=tables["trunk"], pbxs=tables["pbx"], port=self.ports[name],
                         policy=policy, extra={**tables, **(more or {})})

    def dispatcher(self) -> Process:
        """Start the Kamailio in front."""
        own = self._folder / "kamailio"
        own.mkdir()
        (self._folder / "dispatcher.list").write_text(self.text("dispatcher.list"))
        config = own / "kamailio.cfg"
        config.write_text(self.text("kamailio.cfg"))
        made = Process(["kamailio", "-DD", "-E", "-f", config, "-Y", own, "-w", own], name="kamailio", cwd=own)
        made.started(lambda: bound(self.front) and bound(self.inside))
        return made
