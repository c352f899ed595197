"""A carrier's demand for credentials, checked without the product."""

import secrets
from dataclasses import dataclass, field

from tests.kit.digest_server import challenge, is_good, read
from tests.kit.sip_text import Message


@dataclass(frozen=True)
class Login:
    """What a carrier demands of calls that come in (RFC 7616)."""

    username: str
    password: str
    realm: str = "carrier.example"
    algorithms: tuple[str, ...] = ("SHA-256", "MD5")
    nonce: str = field(default_factory=lambda: secrets.token_hex(8))

    def challenges(self) -> list[str]:
        return ["Proxy-Authenticate: " + challenge(self.realm, self.nonce, name).decode() for name in self.algorithms]

    def accepts(self, request: Message) -> str | None:
        """Return the algorithm of good credentials; None where there are none."""
        for value in request.all("Proxy-Authorization"):
            said = read(value.encode())
            if said.get("nonce") == self.nonce and said.get("realm") == self.realm and is_good(
                    value.encode(), request.method.encode(), said["uri"].encode(), username=self.username,
                    password=self.password, realm=self.realm, nonce=self.nonce):
                return said.get("algorithm", "MD5")
        return None
