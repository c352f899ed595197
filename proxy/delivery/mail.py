"""Delivery by mail, handed in at one server (RFC 5321, RFC 6409).

The connection is encrypted wherever the server can (STARTTLS, or TLS from the first byte). A password leaves only over
TLS with a certificate that is good for the server's name; without one, mail is not held up by a certificate of its own.
"""

import contextlib
import smtplib
import ssl
from datetime import UTC, datetime
from email.message import EmailMessage
from email.utils import format_datetime
from typing import Final, NamedTuple

from config.ticket_channels import MailServer
from proxy.delivery.failure import DeliveryError
from proxy.delivery.parcel import Parcel
from routing.events import rfc3339

TIMEOUT: Final = 15.0
"""Seconds for each answer of the server."""


class Account(NamedTuple):
    """Who hands mail in."""

    username: str
    password: str


class Mail:
    """One server and its receivers; a connection for each mail. Used by one thread."""

    def __init__(self, server: MailServer, sender: str, receivers: tuple[str, ...], account: Account | None) -> None:
        self._server, self._sender, self._receivers, self._account = server, sender, receivers, account

    def send(self, parcel: Parcel) -> str:
        """Deliver; return what is to be known of it all the same. `DeliveryError` where nobody got it."""
        message = compose(parcel, self._sender, self._receivers)
        try:
            with contextlib.closing(self._connect()) as connection:
                refused = connection.send_message(message, self._sender, list(self._receivers))
                with contextlib.suppress(smtplib.SMTPException, OSError):
                    connection.quit()
        except smtplib.SMTPRecipientsRefused as error:
            raise _answered(*min(error.recipients.values())) from error
        except smtplib.SMTPAuthenticationError as error:
            raise DeliveryError("down", f"password: {_said(error.smtp_code, error.smtp_error)}") from error
        except smtplib.SMTPResponseException as error:
            raise _answered(error.smtp_code, error.smtp_error) from error
        except (smtplib.SMTPException, OSError) as error:
            raise DeliveryError("down", f"{type(error).__name__}: {error}") from error
        return "; ".join(f"{receiver}: {_said(*answer)}" for receiver, answer in refused.items())

    def close(self) -> None:
        """Nothing is kept between two mails."""

    def _connect(self) -> smtplib.SMTP:
        server = self._server
        context = ssl.create_default_context()
        if not server.tls and self._account is None:
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        if server.tls:
            connection: smtplib.SMTP = smtplib.SMTP_SSL(server.host, server.port, timeout=TIMEOUT, context=context)
        else:
            connection = smtplib.SMTP(server.host, server.port, timeout=TIMEOUT)
        try:
            self._enter(connection, context)
        except BaseException:
            connection.close()
            raise
        return connection

    def _enter(self, connection: smtplib.SMTP, context: ssl.SSLContext) -> None:
        connection.ehlo_or_helo_if_needed()
        encrypted = self._server.tls
        if not encrypted and connection.has_extn("starttls"):
            connection.starttls(context=context)
            connection.ehlo()
            encrypted = True
        if self._account is not None:
            if not encrypted:
                raise DeliveryError("down", "the server offers no STARTTLS, and the password is not sent in clear")
            connection.login(*self._account)


def compose(parcel: Parcel, sender: str, receivers: tuple[str, ...]) -> EmailMessage:
    """Write the mail. Its Message-ID is made of the delivery's id, so that the same one twice is known."""
    ticket = parcel.ticket
    domain = sender.rpartition("@")[2]
    message = EmailMessage()
    message["From"] = sender
    message["To"] = ", ".join(receivers)
    message["Subject"] = ticket.subject if parcel.kind == "ticket" else f"Re: {ticket.subject}"
    message["Date"] = format_datetime(datetime.fromtimestamp(parcel.made_at, UTC))
    message["Message-ID"] = f"<{parcel.id}@{domain}>"
    if parcel.parent is not None:
        message["In-Reply-To"] = message["References"] = f"<{parcel.parent}@{domain}>"
    message["Auto-Submitted"] = "auto-generated"  # RFC 3834 section 5: no vacation answers
    message["X-Boomerang-Delivery"] = parcel.id
    message.set_content(_body(parcel))
    return message


def _body(parcel: Parcel) -> str:
    ticket, comment = parcel.ticket, parcel.comment
    by = ""
    if parcel.kind == "comment" and comment is not None:
        by = f"{comment.author}{' (internal)' if comment.internal else ''}: "
    facts = {"Ticket": f"{ticket.number} ({ticket.state})", "Customer": ticket.customer, "Group": ticket.group,
             "Agent": ticket.agent, "Opened": rfc3339(ticket.created_at), "Task": ticket.task}
    lines = [f"{name}: {value}" for name, value in facts.items() if value]
    return "\n".join([f"{by}{parcel.text}", "", *lines, ""])


def _said(code: int, text: bytes | str) -> str:
    words = text.decode("utf-8", "replace") if isinstance(text, bytes) else text
    return f"{code} {' '.join(words.split())[:200]}"


def _answered(code: int, text: bytes | str) -> DeliveryError:
    """4yz: for now; 5yz: for this mail (RFC 5321 section 4.2.1)."""
    return DeliveryError("down" if code < 500 else "refused", f"answered {_said(code, text)}")
