"""A real Kamailio as carrier: it record-routes between its customers' side (SIPp) and Boomerang.

It speaks UDP with SIPp and UDP, TCP or TLS with Boomerang. It shares 127.0.0.1 with every other peer: the source port
of a connection says nothing about who calls, but the port in its Via, which is the one it listens on, does.
"""

import shutil
from collections.abc import Mapping
from pathlib import Path

from tests.kit.ports import LOOPBACK, bound, free_port
from tests.kit.process import Process

_CONFIG = """#!KAMAILIO
debug=1
log_stderror=yes
children=2
tcp_children=2
auto_aliases=no
enable_tls=yes
listen=udp:{address}:{port}
listen=tcp:{address}:{port}
{listen_tls}
mpath="{modules}/"
loadmodule "tm.so"
loadmodule "sl.so"
loadmodule "rr.so"
loadmodule "pv.so"
loadmodule "maxfwd.so"
loadmodule "siputils.so"
loadmodule "textops.so"
loadmodule "tls.so"
modparam("rr", "enable_double_rr", 2)
modparam("tls", "config", "{folder}/tls.cfg")
request_route {{
  if (!mf_process_maxfwd_header("10")) {{ sl_send_reply("483", "Too Many Hops"); exit; }}
  if (is_method("OPTIONS") && $rU == $null) {{ sl_send_reply("200", "OK"); exit; }}
  if (has_totag()) {{
    if (loose_route()) {{ t_relay(); exit; }}
    if (is_method("ACK")) {{ if (t_check_trans()) {{ t_relay(); }} exit; }}
    sl_send_reply("404", "Not here"); exit;
  }}
  if (is_method("CANCEL")) {{ if (t_check_trans()) t_relay(); exit; }}
  t_check_trans();
  if (is_method("INVITE")) record_route();
  if ($si == "{address}" && $sp == {customer}) {{
    $du = "sip:{boomerang}";
    remove_hf("P-Asserted-Identity");
    append_hf("P-Asserted-Identity: <sip:$fU@carrier.example>\\r\\n");
  }} else {{
    $du = "sip:{address}:{customer}";
  }}
  t_relay();
}}
"""

_TLS = """
[server:default]
method = TLSv1.2+
private_key = {key}
certificate = {certificate}
ca_list = {ca}
verify_certificate = no
require_certificate = no
[client:default]
method = TLSv1.2+
private_key = {key}
certificate = {certificate}
ca_list = {ca}
verify_certificate = yes
require_certificate = yes
"""


def has_kamailio() -> bool:
    return shutil.which("kamailio") is not None and any(Path("/usr/lib").glob("**/kamailio/modules/tls.so"))


class Kamailio(Process):
    """One Kamailio between the customer's SIPp at port `customer` and `boomerang` (`host:port;transport=...`).

    `tls`: paths named `key`, `certificate` and `ca`; needed for transport=tls only.
    """

    def __init__(
        self,
        folder: Path,
        *,
        customer: int,
        boomerang: str,
        tls: Mapping[str, Path] | None = None,
        port: int | None = None,
        tls_port: int | None = None,
    ) -> None:
        self.port, self.tls_port = port or free_port(), tls_port or free_port()
        own = folder / f"kamailio-{self.port}"
        own.mkdir(parents=True)
        (own / "tls.cfg").write_text(_TLS.format(**tls) if tls else "")
        modules = next(Path("/usr/lib").glob("**/kamailio/modules/tls.so")).parent
        text = _CONFIG.format(
            address=LOOPBACK,
            port=self.port,
            customer=customer,
            boomerang=boomerang,
            modules=modules,
            folder=own,
            listen_tls=f"listen=tls:{LOOPBACK}:{self.tls_port}" if tls else "",
        )
        if not tls:
            text = "\n".join(line for line in text.splitlines() if "tls" not in line)
        config = own / "kamailio.cfg"
        config.write_text(text)
        super().__init__(["kamailio", "-DD", "-E", "-f", config, "-Y", own, "-w", own], name="kamailio", cwd=own)
        self.started(lambda: bound(self.port, "tcp"))
