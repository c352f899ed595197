"""A carrier's demand for credentials, checked without the product."""

import hashlib
import re
import secrets
from dataclasses import dataclass, field

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
        return [f'Proxy-Authenticate: Digest realm="{self.realm}", nonce="{self.nonce}", algorithm={name}, qop="auth"'
                for name in self.algorithms]

    def accepts(self, request: Message) -> str | None:
        """Return the algorithm of good credentials; None where there are none."""
        for value in request.all("Proxy-Authorization"):
            said = {key: quoted or plain for key, quoted, plain in re.findall(r'(\w+)=(?:"([^"]*)"|([^\s,]+))', value)}
            if said.get("nonce") != self.nonce or said.get("realm") != self.realm:
                continue
            how = said.get("algorithm", "MD5")
            ha1 = _digest(how, f"{self.username}:{self.realm}:{self.password}")
            ha2 = _digest(how, f"{request.method}:{said['uri']}")
            middle = f"{said['nonce']}:{said['nc']}:{said['cnonce']}:{said['qop']}"
            if said["response"] == _digest(how, f"{ha1}:{middle}:{ha2}"):
                return str(how)
        return None


def _digest(algorithm: str, text: str) -> str:
    made = hashlib.sha256 if algorithm == "SHA-256" else hashlib.md5
    return made(text.encode()).hexdigest()
