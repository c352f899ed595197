"""`[media]` and `[tickets]` of boomerang.toml, and the keys of trunks and PBXs that callbacks brought."""

from pathlib import Path

import pytest

from config.node import load_node
from config.problem import ConfigError
from config.ticket_channels import MailServer, parse_smtp

TEXT = """\
[[listen]]
uri = "udp://0.0.0.0"
[trunk.main]
peers = ["sip:198.51.100.10"]
register_expires = "10m"
realm = "carrier.example"
[pbx.office]
peers = ["sip:10.0.0.10"]
dialog_event = "never"
[media]
ports = "20001-20011"
listen = "[::1]"
advertise = "media.example"
recordings_keep = "7d"
[tickets]
webhook = "https://desk.example:8443/hook?a=b"
webhook_secret = "file:secret"
webhook_template = "template.json"
smtp = "smtp://mail.example"
smtp_username = "file:secret"
smtp_password = "file:secret"
mail_from = "boomerang@example.com"
mail_to = ["desk@example.com", "boss@example.com"]
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "secret").write_text("s3cret\n")
    (tmp_path / "template.json").write_text('{"text": "%subject%"}')
    (tmp_path / "bad.json").write_text('{"text": }')
    (tmp_path / "latin.json").write_bytes(b'"\xff"')
    (tmp_path / "deep.json").write_text("[" * 100_000)
    return tmp_path


def write(folder: Path, text: str) -> Path:
    path = folder / "boomerang.toml"
    path.write_text(text)
    return path


def test_what_it_says(folder: Path) -> None:
    config = load_node(write(folder, TEXT))
    media, tickets = config.media, config.tickets
    assert (media.port_range, media.bind, media.advertised) == ((20001, 20011), "::1", "media.example")
    assert media.recordings_keep == 7 * 86_400
    assert tickets.webhook == "https://desk.example:8443/hook?a=b"
    assert tickets.webhook_template == folder / "template.json"
    assert tickets.mail_server == MailServer("mail.example", 587, tls=False)
    assert (tickets.smtp_username, tickets.mail_to) == ("s3cret", ("desk@example.com", "boss@example.com"))
    for secret in (tickets.webhook_secret, tickets.smtp_password):
        assert secret is not None
        assert secret.get_secret_value() == "s3cret"
    assert (config.trunk["main"].register_expires, config.trunk["main"].realm) == (600.0, "carrier.example")
    assert config.pbx["office"].dialog_event == "never"


def test_everything_that_may_be_left_out(folder: Path) -> None:
    config = load_node(write(folder, TEXT.split("[media]")[0]))
    assert (config.media.port_range, config.media.bind, config.media.advertised) == ((16384, 17383), None, None)
    assert (config.tickets.webhook, config.tickets.mail_server) == (None, None)


@pytest.mark.parametrize(
    ("url", "server"),
    [
        ("smtp://a", ("a", 587, False)),
        ("smtps://a", ("a", 465, True)),
        ("smtps://[2001:db8::1]:2525/", ("2001:db8::1", 2525, True)),
    ],
)
def test_mail_servers(url: str, server: tuple[str, int, bool]) -> None:
    assert parse_smtp(url) == server


@pytest.mark.parametrize(
    ("old", "new", "key", "text"),
    [
        ("20001-20011", "20001", "media.ports", "'20001' is not a range of ports: write it as 16384-17383"),
        ("20001-20011", "20001-x", "media.ports", "'x' is not a port: those are 1 to 65535"),
        ("20001-20011", "20001-20002", "media.ports", "'20001-20002' holds no even port and the next one"),
        ("20001-20011", "20011-20001", "media.ports",
         "'20011-20001' begins above its end: write the lower port first, 20001-20011"),
        ("20001-20011", "80-90", "media.ports", "'80-90' begins below 1024: those ports belong to the system"),
        ("[::1]", "localhost", "media.listen", "'localhost' is not an address to bind, such as 0.0.0.0 or [::]"),
        ("media.example", "media.example:5", "media.advertise", "'media.example:5' names a port: write the host alone"),
        ("media.example", "a b", "media.advertise", "'a b' is not an address: write host:port, IPv6 in brackets"),
        ('"7d"', '"1s"', "media.recordings_keep", "must be 1m at least"),
        ('"10m"', '"1s"', "trunk.main.register_expires", "must be 1m at least"),
        ("https://desk", "ftp://desk", "tickets.webhook",
         "'ftp://desk.example:8443/hook?a=b' is not a web address: write https://host/path"),
        ("https://desk", "https://me:pw@desk", "tickets.webhook",
         "a web address holds no password here: sign with webhook_secret"),
        ("desk.example:8443", "", "tickets.webhook",
         "'https:///hook?a=b' is not a web address: write https://host/path"),
        (":8443", ":844399", "tickets.webhook",
         "'https://desk.example:844399/hook?a=b' is not a web address: write https://host/path"),
        ("hook?a", "ho ok?a", "tickets.webhook",
         "'https://desk.example:8443/ho ok?a=b' is not a web address: write https://host/path"),
        ("template.json", "none.json", "tickets.webhook_template",
         "none.json: cannot be read: No such file or directory"),
        ("template.json", "bad.json", "tickets.webhook_template",
         "bad.json is not JSON: Expecting value: line 1 column 10 (char 9)"),
        ("template.json", "latin.json", "tickets.webhook_template", "latin.json:1: not UTF-8"),
        ("template.json", "deep.json", "tickets.webhook_template", None),
        ('"template.json"', "5", "tickets.webhook_template", "must be text, in quotes"),
        ("smtp://", "mail://", "tickets.smtp",
         "'mail://mail.example' is not a mail server: write smtp://host:port or smtps://host:port"),
        ("boss@example.com", "boss", "tickets.mail_to[1]", "'boss' is not a mail address, such as desk@example.com"),
        ("boss@example.com", "boss@a\\r\\nBcc: x", "tickets.mail_to[1]",
         "'boss@a\\r\\nBcc: x' is not a mail address, such as desk@example.com"),
        ('webhook_secret = "file:secret"', 'webhook_secret = "s3cret"', "tickets.webhook_secret",
         "a secret is never written here: name it as env:NAME or file:PATH"),
        ('webhook = "https://desk.example:8443/hook?a=b"\n', "", "tickets.webhook_template",
         "is for a webhook, and there is none"),
        ('smtp = "smtp://mail.example"\n', "", "tickets.mail_from", "is for mail, and there is no smtp"),
        ('mail_from = "boomerang@example.com"\n', "", "tickets.mail_from", "is missing: a mail needs a sender"),
        ('mail_to = ["desk@example.com", "boss@example.com"]\n', "", "tickets.mail_to",
         "is missing: a mail needs a receiver"),
        ('smtp_password = "file:secret"\n', "", "tickets.smtp_password",
         "is missing: smtp_username and smtp_password go together"),
        ('smtp_username = "file:secret"\n', "", "tickets.smtp_username",
         "is missing: smtp_username and smtp_password go together"),
    ],
)  # fmt: skip
def test_each_fault_has_its_key(folder: Path, old: str, new: str, key: str, text: str | None) -> None:
    assert old in TEXT
    with pytest.raises(ConfigError) as caught:
        load_node(write(folder, TEXT.replace(old, new, 1)))
    found = {problem.key: problem.text.replace(f"{folder}/", "") for problem in caught.value.problems}
    assert key in found
    assert text is None or found[key] == text


def test_only_mail(folder: Path) -> None:
    text = TEXT.split("[tickets]")[0] + '[tickets]\nsmtp = "smtps://m"\nmail_from = "a@b"\nmail_to = ["c@d"]\n'
    config = load_node(write(folder, text))
    assert config.tickets.mail_server == MailServer("m", 465, tls=True)


def test_an_address_to_advertise(folder: Path) -> None:
    for host in ("203.0.113.5", "2001:db8::5", "[2001:db8::5]", ""):
        config = load_node(write(folder, TEXT.replace("media.example", host)))
        assert config.media.advertised == (host.strip("[]") or None)
