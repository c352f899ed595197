"""TLS for SIP: contexts, and who a certificate says the peer is (RFC 5922).

Python's own host name check knows nothing of `URI:sip:example.com`, so the chain is checked by OpenSSL and the name
here, after the handshake and before the first byte is written or read.
Leniency: RFC 5922 section 7.2 forbids wildcards; carriers use them all the same, so `*.` in front of a DNS name of
two or more labels stands for exactly one label - on connections that we open, never for who a client is.
"""

import ssl
from collections.abc import Iterable
from typing import Any

from proxy.transports.addresses import canonical

OLDEST = ssl.TLSVersion.TLSv1_2


def server_context(certificate: str, private_key: str | None, ca: str | None, verify_client: bool) -> ssl.SSLContext:
    """Return the context of a listener. Raises OSError (ssl.SSLError is one) where a file cannot be used.

    With `verify_client` a client must present a certificate whose chain ends in `ca` (else in the system's roots).
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = OLDEST
    context.load_cert_chain(certificate, private_key)
    if verify_client:
        context.verify_mode = ssl.CERT_REQUIRED
        _load_roots(context, ca, ssl.Purpose.CLIENT_AUTH)
    return context


def client_context(certificate: str | None, private_key: str | None, ca: str | None) -> ssl.SSLContext:
    """Return the context for connections of our own, presenting our certificate if there is one. Raises OSError.

    It checks the chain only; the caller checks the name with `carries`.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = OLDEST
    context.check_hostname = False
    context.verify_mode = ssl.CERT_REQUIRED
    _load_roots(context, ca, ssl.Purpose.SERVER_AUTH)
    if certificate is not None:
        context.load_cert_chain(certificate, private_key)
    return context


def _load_roots(context: ssl.SSLContext, ca: str | None, purpose: ssl.Purpose) -> None:
    if ca is None:
        context.load_default_certs(purpose)
    else:
        context.load_verify_locations(ca)


def certificate_names(certificate: dict[str, Any] | None) -> frozenset[str]:
    """Return the names in the subjectAltName of a verified certificate (`SSLObject.getpeercert()`), lower case.

    DNS names, hosts of `sip:` URIs without a user part (RFC 5922 section 7.1), IP addresses in their usual spelling.
    The common name counts for nothing.
    """
    names = set()
    for kind, value in (certificate or {}).get("subjectAltName", ()):
        if kind == "DNS":
            names.add(value.lower())
        elif kind == "URI":
            names.add(_domain_of(value.lower()))
        elif kind == "IP Address":
            names.add(canonical(value.strip()) or "")
    return frozenset(names - {""})


def carries(names: frozenset[str], wanted: Iterable[str]) -> bool:
    """Say whether a certificate with these names speaks for one of the `wanted` (DNS names or IP addresses)."""
    for name in wanted:
        name = canonical(name) or name.lower().rstrip(".")
        if name in names:
            return True
        label, _, parent = name.partition(".")
        if label and "." in parent and canonical(name) is None and f"*.{parent}" in names:
            return True
    return False


def _domain_of(uri: str) -> str:
    """Return the host of a `sip:` URI that names a domain; "" for anything else."""
    scheme, _, rest = uri.partition(":")
    if scheme != "sip" or "@" in rest:
        return ""
    rest = rest.partition(";")[0].partition("?")[0]
    if rest.startswith("["):
        return canonical(rest.partition("]")[0] + "]") or ""
    host = rest.partition(":")[0]
    return canonical(host) or host
