"""Certificates of a day for TLS tests, made with the openssl program: an authority and what it signs."""

import ssl
import subprocess
from dataclasses import dataclass
from pathlib import Path

NAMES = ("localhost", "127.0.0.1")
DAYS = "2"


@dataclass(frozen=True, slots=True)
class Certificate:
    """Paths of PEM files."""

    certificate: Path
    key: Path
    ca: Path

    def server(self, *, ask_client: bool = False) -> ssl.SSLContext:
        """Context of one who is connected to."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.certificate, self.key)
        if ask_client:
            context.load_verify_locations(self.ca)
            context.verify_mode = ssl.CERT_REQUIRED
        return context

    def client(self) -> ssl.SSLContext:
        """Context of one who connects, shows this certificate and believes the authority only."""
        context = ssl.create_default_context(cafile=str(self.ca))
        context.load_cert_chain(self.certificate, self.key)
        return context


class Authority:
    """A certificate authority in a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self.certificate, self._key = folder / "ca.pem", folder / "ca.key"
        self._openssl(
            "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", DAYS,
            "-subj", "/CN=Authority of the tests", "-addext", "keyUsage=critical,keyCertSign",
            "-keyout", self._key, "-out", self.certificate,
        )  # fmt: skip

    def _openssl(self, *arguments: str | Path) -> None:
        done = subprocess.run(["openssl", *arguments], cwd=self.folder, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr

    def issue(self, name: str, *names: str) -> Certificate:
        """Sign a certificate; `names`: DNS names and addresses it is for (localhost unless named)."""
        key, request, signed = (self.folder / f"{name}.{end}" for end in ("key", "csr", "pem"))
        alternatives = ",".join(f"{'IP' if n[0].isdigit() or ':' in n else 'DNS'}:{n}" for n in names or NAMES)
        extensions = self.folder / f"{name}.ext"
        extensions.write_text(f"subjectAltName={alternatives}\nbasicConstraints=CA:FALSE\n")
        self._openssl(
            "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-subj", f"/CN={name}",
            "-keyout", key, "-out", request,
        )  # fmt: skip
        self._openssl(
            "x509", "-req", "-in", request, "-CA", self.certificate, "-CAkey", self._key, "-CAcreateserial",
            "-days", DAYS, "-extfile", extensions, "-out", signed,
        )  # fmt: skip
        return Certificate(signed, key, self.certificate)
