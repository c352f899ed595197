"""A real Asterisk as the carrier: customers' phones behind it, and Boomerang in front, who must log in to call them.

A customer's phone registers with the user part that `Carrier.user` gives, and shows its number. It calls Boomerang by
dialling a number of ours. A call from Boomerang is challenged (digest) before it rings a customer; the carrier shows
the customer what Boomerang's From says.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.kit.asterisk import Asterisk, phone_endpoint, transports
from tests.kit.ports import LOOPBACK

USERNAME, SECRET, REALM = "acme", "carrier-of-a-test", "carrier.example"


class Carrier(Asterisk):
    """One carrier: `with Carrier(...) as carrier:`; `hop` is where it sends calls to our numbers."""

    def __init__(
        self, root: Path, *, hop: str, customers: Sequence[str], files: Mapping[str, str] | None = None
    ) -> None:
        """`customers`: their numbers, E.164."""
        self.customers = customers
        super().__init__(root, hop=hop, phones=[self.user(each) for each in customers], hints=False, files=files)

    @staticmethod
    def user(customer: str) -> str:
        """User name of a customer's phone."""
        return "c" + customer.removeprefix("+")

    @staticmethod
    def account(folder: Path) -> dict[str, str]:
        """Keys of boomerang.toml's trunk that let Boomerang call; the password is kept in a file of this folder."""
        folder.mkdir(parents=True, exist_ok=True)
        file = folder / "trunk-password"
        file.write_text(SECRET)
        file.chmod(0o600)
        return {"username": USERNAME, "password": f"file:{file}"}

    def _generated(self) -> dict[str, str]:
        return {**super()._generated(), "extensions.conf": self._extensions()}

    def _extensions(self) -> str:
        text = """
[general]
static=yes
[phones]
exten => _+X.,1,Dial(PJSIP/${EXTEN}@boomerang,120)
 same => n,Hangup(${HANGUPCAUSE})
[boomerang]
"""
        for customer in self.customers:
            text += f"""exten => {customer},1,Dial(PJSIP/{self.user(customer)},120)
 same => n,Goto(${{DIALSTATUS}})
 same => n(BUSY),Hangup(17)
 same => n(CHANUNAVAIL),Hangup(20)
 same => n(NOANSWER),Hangup(19)
 same => n(CONGESTION),Hangup(42)
 same => n(CANCEL),Hangup(16)
"""
        return text

    def _pjsip(self) -> str:
        text = transports(self.port) + f"""
[boomerang]
type=endpoint
context=boomerang
disallow=all
allow=alaw,ulaw
auth=boomerang
aors=boomerang
send_pai=yes
trust_id_inbound=yes
trust_id_outbound=yes
direct_media=no
transport=udp
[boomerang]
type=auth
auth_type=userpass
realm={REALM}
username={USERNAME}
password={SECRET}
[boomerang]
type=aor
contact=sip:{self.hop}
[boomerang]
type=identify
endpoint=boomerang
match={LOOPBACK}
"""
        return text + "".join(phone_endpoint(self.user(each), f"<{each}>") for each in self.customers)
