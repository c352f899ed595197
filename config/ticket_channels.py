"""`[tickets]` of boomerang.toml: where tickets are sent on to."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Final, NamedTuple
from urllib.parse import urlsplit

from config.address import parse_host_port
from config.checks import AfterValidator, Field
from config.loading import read_text
from config.node_fields import FilePath, Secret, User
from config.problem import ConfigError
from config.section import Section

SMTP_PORT: Final = 587
"""Submission (RFC 6409)."""
SMTPS_PORT: Final = 465
"""Submission over TLS from the first byte (RFC 8314)."""

_SMTP: Final = re.compile(r"(smtps?)://([^/?#@]+)/?")
_MAILBOX: Final = re.compile(r"[^\s@<>,;\"\x00-\x1f\x7f]{1,64}@[A-Za-z0-9.-]{1,253}")


class MailServer(NamedTuple):
    """Where mail is handed in."""

    host: str
    """Name or address, IPv6 without brackets."""
    port: int
    tls: bool
    """TLS from the first byte; else STARTTLS where the server offers it."""


def parse_smtp(url: str) -> MailServer:
    """Read `smtp://host:port` or `smtps://host:port`; ValueError otherwise."""
    match = _SMTP.fullmatch(url)
    if match is None:
        raise ValueError(f"{url!r} is not a mail server: write smtp://host:port or smtps://host:port")
    host, port = parse_host_port(match[2])
    tls = match[1] == "smtps"
    return MailServer(host, port or (SMTPS_PORT if tls else SMTP_PORT), tls)


def _smtp(text: str) -> str:
    parse_smtp(text)
    return text


def _web(text: str) -> str:
    wrong = ValueError(f"{text!r} is not a web address: write https://host/path")
    try:
        parts = urlsplit(text)
        named = bool(parts.hostname) and parts.port != 0
    except ValueError:
        raise wrong from None
    if parts.scheme not in ("http", "https") or not named or not text.isascii() or re.search(r"[\s\x00-\x1f]", text):
        raise wrong
    if "@" in parts.netloc:
        raise ValueError("a web address holds no password here: sign with webhook_secret")
    return text


def _template(path: Path) -> Path:
    try:
        json.loads(read_text(path))
    except ConfigError as error:
        raise ValueError(str(error)) from None
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{path} is not JSON: {error}") from None
    return path


def _mailbox(text: str) -> str:
    if not _MAILBOX.fullmatch(text):
        raise ValueError(f"{text!r} is not a mail address, such as desk@example.com")
    return text


Mailbox = Annotated[str, AfterValidator(_mailbox)]


class TicketChannels(Section):
    """Where tickets are sent on to, besides MQTT."""

    webhook: Annotated[str, AfterValidator(_web)] | None = Field(
        default=None, description="Web address that each ticket and comment is posted to as JSON."
    )
    webhook_secret: Secret | None = Field(
        default=None, description="Key that these are signed with (HMAC-SHA256), as env:NAME or file:PATH."
    )
    webhook_template: Annotated[FilePath, AfterValidator(_template)] | None = Field(
        default=None, description="JSON file with %placeholders% in its strings, in place of the built-in form."
    )
    smtp: Annotated[str, AfterValidator(_smtp)] | None = Field(
        default=None, description="Mail server: smtp://host:port (587 unless named) or smtps://host:port (465)."
    )
    smtp_username: User | None = Field(default=None, description="User name there; env:NAME and file:PATH are read.")
    smtp_password: Secret | None = Field(default=None, description="Password there, as env:NAME or file:PATH.")
    mail_from: Mailbox | None = Field(default=None, description="Sender of the mails.")
    mail_to: tuple[Mailbox, ...] = Field(
        default=(), description="Who gets a mail for each ticket and comment."
    )

    @property
    def mail_server(self) -> MailServer | None:
        """Where mail is handed in; None where none is sent."""
        return None if self.smtp is None else parse_smtp(self.smtp)

    def contradictions(self) -> Iterator[tuple[str, str]]:
        """Return what does not go together."""
        if self.webhook is None:
            for key in ("webhook_secret", "webhook_template"):
                if getattr(self, key) is not None:
                    yield key, "is for a webhook, and there is none"
        if self.smtp is None:
            for key in ("smtp_username", "smtp_password", "mail_from", "mail_to"):
                if getattr(self, key):
                    yield key, "is for mail, and there is no smtp"
            return
        if self.mail_from is None:
            yield "mail_from", "is missing: a mail needs a sender"
        if not self.mail_to:
            yield "mail_to", "is missing: a mail needs a receiver"
        if (self.smtp_username is None) != (self.smtp_password is None):
            missing = "smtp_password" if self.smtp_password is None else "smtp_username"
            yield missing, "is missing: smtp_username and smtp_password go together"
