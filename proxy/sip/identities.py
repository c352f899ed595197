"""Who a message says is there, and whether they want to be known: for the proxy path and for legs of our own alike.

Rules
- A local number is a number only within its context (RFC 3966 section 5.1.5; in a SIP URI the context stands in the
  user part, RFC 3261 section 19.1.6). Digits as context are put before it. A domain as context is one of ours, and
  changes nothing, or nobody's: the user keeps the context then and is no number and no extension to anybody.
- Lenient where a context stands: it counts behind the user, behind the host, and behind an address without angle
  brackets. Two that differ are nobody's.
- Lenient towards whoever wants not to be shown, for the harm is one-sided: levels of Privacy divided by whatever, in
  quotes or unknown, the privacy of Remote-Party-ID, any From and any asserted identity that names nobody.
"""

import re
from collections.abc import Iterable, Sequence
from contextlib import suppress
from functools import lru_cache
from typing import Final

from proxy.sip.errors import SipError
from proxy.sip.limits import REMEMBERED_VALUES
from proxy.sip.message import Message, NameAddr, split_values
from proxy.sip.text import COLON, Params, unescape
from proxy.sip.uri import Uri
from routing.facts import Identity, names_nobody

CONNECTED: Final = (b"p-asserted-identity", b"remote-party-id")
"""Where a 2xx, a re-INVITE or an UPDATE shows who is there."""
CONTEXT: Final = b"phone-context"
_SHOWING: Final = {name: name.decode() for name in (b"from", *CONNECTED)}
"""Where a request shows who calls."""
_SHOWN_IN: Final = frozenset(_SHOWING.values())

Domains = frozenset[str]
"""Domains that mean ourselves, lower case: a local number in one of them is read as if it had no context."""

_NO_PARAMS: Final[Params] = {}
_ADDRESSED: Final = frozenset((b"sip", b"sips", b"tel"))
_SEPARATORS: Final = re.compile(r"[-.() ]+")
"""Visual separators of RFC 3966, and spaces."""
_DIGITS: Final = re.compile(r"[0-9]+")
_PREFIX: Final = re.compile(r"\+[0-9]{1,15}")
_LEVEL: Final = re.compile(rb"[a-z0-9-]+")
_SHOWN_LEVELS: Final = frozenset((b"none", b"session", b"history", b"critical", b"off", b"no"))
"""Values of Privacy that do not hide the number (RFC 3323 section 4.2, RFC 7044 section 10.1); any other asks for it:
`id`, `user`, `header`, and what old drafts and old gateways say instead."""
_RPID_PRIVACY: Final = re.compile(rb";\s*privacy\s*=\s*\"?\s*([a-z]+)", re.IGNORECASE)
_RPID_SHOWN: Final = frozenset((b"off", b"none", b"no", b"name", b"ipaddr"))
"""Values of Remote-Party-ID's privacy that do not hide the number."""
_RPID_CALLED: Final = re.compile(rb";\s*party\s*=\s*\"?\s*called", re.IGNORECASE)


@lru_cache(REMEMBERED_VALUES)
def user_of(uri: bytes, domains: Domains) -> tuple[str, str]:
    """User and host of a SIP or tel URI as text, the user unescaped; both empty where it is unreadable or another URI.

    Of the user's parameters only the context of a local number stays, and only where it means somebody else's numbers.
    """
    try:
        return _user_of(Uri.parse(uri), _NO_PARAMS, domains)
    except SipError:
        return "", ""


def _user_of(uri: Uri, beside: Params, domains: Domains) -> tuple[str, str]:
    """As `user_of`. `beside`: parameters of the header that the URI stands in."""
    if uri.scheme not in _ADDRESSED:
        return "", ""
    name, _, rest = uri.user.partition(b";")
    user, host = _text(unescape(name)), _text(uri.host)
    if uri.scheme == b"tel" or (uri.params.get(b"user") or b"").lower() == b"phone":
        user = _SEPARATORS.sub("", user)
    contexts = set(_contexts(rest, uri.params, beside))
    if not contexts or user.startswith("+"):
        return user, host
    context = contexts.pop() if len(contexts) == 1 else ",".join(sorted(contexts))
    if context in domains:
        return user, host
    digits = _SEPARATORS.sub("", user)
    if _PREFIX.fullmatch(context) and _DIGITS.fullmatch(digits):
        return context + digits, host
    return f"{user};{_text(CONTEXT)}={context}", host


def _contexts(rest: bytes, *params: Params) -> Iterable[str]:
    found = [part.partition(b"=")[::2] for part in rest.split(b";")] if rest else []
    for several in params:
        found += [(name, value or b"") for name, value in several.items()]
    for name, value in found:
        if unescape(name).lower() == CONTEXT:
            context = _text(unescape(value)).strip('" ').lower().rstrip(".")
            yield _SEPARATORS.sub("", context) if context.startswith("+") else context


def identities(message: Message, names: Iterable[bytes], domains: Domains) -> tuple[Identity, ...]:
    """Every identity in the headers `names`, in that order. What cannot be read is left out."""
    found: list[Identity] = []
    for name in names:
        if name == b"from":
            found.append(_identity("from", message.from_, domains))
            continue
        for field in message.values(name):
            try:
                found += [_from_value(name, value, domains) for value in split_values(field)]
            except SipError:
                continue
    return tuple(found)


def identity_of(caller: NameAddr, domains: Domains) -> Identity:
    """The address of a caller as From shows it, wherever it stands."""
    return _identity("from", caller, domains)


def _from_value(name: bytes, value: bytes, domains: Domains) -> Identity:
    if COLON not in value and not name.startswith((b"p-", b"remote-")):
        return Identity(name.decode(), _text(value.strip().strip(b'"')), "", "")
    return _identity(name.decode(), NameAddr.parse(value), domains)


def _identity(header: str, address: NameAddr, domains: Domains) -> Identity:
    if CONTEXT in address.params:
        with suppress(SipError):
            return Identity(header, *_user_of(address.parsed_uri, address.params, domains), _text(address.display))
    return Identity(header, *user_of(address.uri, domains), _text(address.display.strip().strip(b'"')))


def _text(value: bytes) -> str:
    return value.decode("utf-8", "replace")


def withheld(request: Message, domains: Domains, known: Sequence[Identity] = ()) -> bool:
    """Whether a caller asked not to be shown: in Privacy or Remote-Party-ID, or by an address that names nobody.

    RFC 3323 sections 4.1.1.3 and 4.2; draft-ietf-sip-privacy-04 section 4 for Remote-Party-ID.
    `known`: all identities of some of the request's headers, read already.
    """
    if hides_identity(request):
        return True
    read = {identity.header for identity in known}
    rest = [name for name, header in _SHOWING.items() if header not in read]
    for identity in (*known, *identities(request, rest, domains)):
        if identity.header in _SHOWN_IN and names_nobody(identity):
            return True
        if identity.header == "from" and identity.display.lower() == "anonymous":
            return True
    return False


def hides_identity(message: Message) -> bool:
    """Whether whoever a message names is not to be shown."""
    for field in message.values(b"privacy"):
        if not _SHOWN_LEVELS.issuperset(_LEVEL.findall(field.lower())):
            return True
    return any(_is_private(value) for field in message.values(b"remote-party-id") for value in _values(field))


def _is_private(remote_party: bytes) -> bool:
    asked = _RPID_PRIVACY.findall(remote_party)
    return any(level.lower() not in _RPID_SHOWN for level in asked) and not _RPID_CALLED.search(remote_party)


def _values(field: bytes) -> list[bytes]:
    try:
        return split_values(field)
    except SipError:
        return [field]
