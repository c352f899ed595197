"""Mail to a real server: what it holds, when it is encrypted, and what a refusal means."""

import socket
from pathlib import Path
from typing import Any

import pytest

from config.ticket_channels import MailServer
from proxy.delivery.failure import DeliveryError, Kind
from proxy.delivery.mail import Account, Mail, compose
from tests.kit.certificates import Authority
from tests.kit.ports import free_port
from tests.proxy.delivery.receivers import Post, mail_server
from tests.proxy.delivery.test_webhook import a_parcel
from tests.routing.store.rows import a_comment, a_ticket
from tests.routing.world import CUSTOMER

SENDER, DESK, BOSS = "boomerang@example.com", "desk@example.com", "boss@example.com"


def mail(post: Post, account: Account | None = None, tls: bool = False, host: str = "127.0.0.1",
         receivers: tuple[str, ...] = (DESK, BOSS)) -> Mail:
    return Mail(MailServer(host, post.port, tls), SENDER, receivers, account)


def failure(sender: Mail) -> tuple[Kind, str]:
    with pytest.raises(DeliveryError) as found:
        sender.send(a_parcel())
    return found.value.kind, str(found.value)


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("mail"))


@pytest.fixture
def believed(authority: Authority, monkeypatch: pytest.MonkeyPatch) -> Authority:
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.certificate))
    return authority


def test_a_ticket_as_mail() -> None:
    ticket = a_ticket(number=12, agent="201", subject="Rückruf +36 201")
    with mail_server() as post:
        assert mail(post).send(a_parcel(ticket=ticket)) == ""
    got = post.mails[0]
    assert (got["From"], got["To"], got["Subject"]) == (SENDER, f"{DESK}, {BOSS}", "Rückruf +36 201")
    assert got["Message-ID"] == "<delivery@example.com>"
    assert got["Date"] == "Mon, 21 Sep 2026 14:13:20 +0000"
    assert got["Auto-Submitted"] == "auto-generated"
    assert got["X-Boomerang-Delivery"] == "delivery"
    assert "In-Reply-To" not in got
    assert got.get_content().splitlines() == [
        "Zoë rang", "", "Ticket: 12 (open)", f"Customer: {CUSTOMER}", "Group: sales", "Agent: 201",
        "Opened: 2026-09-21T14:13:20.000Z"]
    assert (post.envelopes[0].mail_from, post.envelopes[0].rcpt_tos) == (SENDER, [DESK, BOSS])


@pytest.mark.parametrize(("internal", "begins"), [(True, "eva (internal): called"), (False, "eva: called")])
def test_a_comment_answers_the_mail_of_its_ticket(internal: bool, begins: str) -> None:
    ticket = a_ticket(number=12)
    comment = a_comment(ticket, "called", internal)._replace(author="eva")
    got = compose(a_parcel(kind="comment", comment=comment, parent="first"), SENDER, (DESK,))
    assert got["Subject"] == f"Re: Callback {CUSTOMER}"
    assert got["In-Reply-To"] == got["References"] == "<first@example.com>"
    assert got.get_content().startswith(begins)


def test_a_text_cannot_make_headers() -> None:
    got = compose(a_parcel(comment=a_comment(a_ticket(), "x\r\n.\r\nBcc: evil@example.com")), SENDER, (DESK,))
    assert got["Bcc"] is None


@pytest.mark.parametrize(("answers", "kind"), [(["451 later"], "down"), (["554 no spam"], "refused")])
def test_refused_content(answers: list[str], kind: Kind) -> None:
    with mail_server() as post:
        post.answers = list(answers)
        assert failure(mail(post)) == (kind, f"answered {answers[0]}")
        assert mail(post).send(a_parcel()) == ""


def test_refused_receivers() -> None:
    with mail_server() as post:
        post.refused = {BOSS: "550 unknown"}
        assert mail(post).send(a_parcel()) == f"{BOSS}: 550 unknown", "one has got it"
        assert post.envelopes[0].rcpt_tos == [DESK]
        post.refused = {BOSS: "550 unknown", DESK: "450 full"}
        assert failure(mail(post)) == ("down", "answered 450 full")
        post.refused = {BOSS: "550 unknown", DESK: "551 moved"}
        assert failure(mail(post)) == ("refused", "answered 550 unknown")


def test_nobody_there_and_nobody_who_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    assert failure(mail(Post(free_port())))[0] == "down"
    monkeypatch.setattr("proxy.delivery.mail.TIMEOUT", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        assert failure(mail(Post(silent.getsockname()[1])))[0] == "down"


# TLS and password


def test_starttls_wherever_it_is_offered_whoever_signed(authority: Authority) -> None:
    with mail_server(starttls=authority.issue("any", "elsewhere.example").server()) as post:
        mail(post).send(a_parcel())
    assert post.encrypted == [True]


def test_tls_from_the_first_byte_needs_a_good_certificate(authority: Authority, believed: Authority,
                                                          monkeypatch: pytest.MonkeyPatch) -> None:
    with mail_server(smtps=authority.issue("smtps").server()) as post:
        mail(post, tls=True, host="localhost").send(a_parcel())
        assert len(post.mails) == 1
        monkeypatch.delenv("SSL_CERT_FILE")
        kind, text = failure(mail(post, tls=True, host="localhost"))
    assert kind == "down"
    assert "certificate verify failed" in text
    assert len(post.mails) == 1


def test_the_password_goes_over_good_tls_only(authority: Authority, believed: Authority,
                                              monkeypatch: pytest.MonkeyPatch) -> None:
    good, wrong = Account("acme", "secret"), Account("acme", "guess")
    with mail_server(starttls=authority.issue("login").server(), login=True) as post:
        mail(post, good, host="localhost").send(a_parcel())
        assert (len(post.mails), post.logins, post.encrypted) == (1, [(b"acme", b"secret")], [True])
        kind, text = failure(mail(post, wrong, host="localhost"))
        assert kind == "down"
        assert text.startswith("password: 535")
        assert "guess" not in text
        monkeypatch.delenv("SSL_CERT_FILE")
        assert "certificate verify failed" in failure(mail(post, good, host="localhost"))[1]
    assert set(post.logins[1:]) == {(b"acme", b"guess")}


def test_no_password_in_clear() -> None:
    with mail_server(login=True) as post:
        assert failure(mail(post, Account("acme", "secret"))) == \
            ("down", "the server offers no STARTTLS, and the password is not sent in clear")
        assert post.logins == []


def test_connections_are_given_back(tmp_path: Path, recwarn: Any) -> None:
    with mail_server() as post:
        post.answers = ["554 no"]
        failure(mail(post))
        mail(post).send(a_parcel())
    assert [str(each.message) for each in recwarn] == []
