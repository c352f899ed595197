"""`[console]`: where pages and API are, and what is refused or doubted there."""

from pathlib import Path

import pytest

from config.node import examine

NODE = """
[[listen]]
uri = "udp://127.0.0.1:5060"
[[listen]]
uri = "tcp://127.0.0.1:5060"
[trunk.main]
peers = ["sip:198.51.100.10"]
[pbx.office]
peers = ["sip:10.0.0.10"]
[http]
listen = "127.0.0.1:8080"
"""


def said(folder: Path, section: str) -> list[tuple[str, str, str]]:
    path = folder / "boomerang.toml"
    path.write_text(f"{NODE}\n[console]\n{section}\n")
    return [(problem.level, problem.key, problem.text) for problem in examine(path).problems]


@pytest.mark.parametrize("section", [
    "", 'listen = "off"', 'listen = "127.0.0.1:8088"', 'listen = "localhost:8088"', 'listen = "[::1]:8088"',
    'listen = "0.0.0.0:8088"\nsecure = true', 'listen = "127.0.0.1:5061"', 'listen = "127.0.0.2:8080"',
    'hosts = ["console.example.com", "10.1.2.3", "console", "[2001:db8::1]", "my_host.lan."]',
    'proxies = ["127.0.0.1", "10.0.0.0/8", "2001:db8::/32"]',
])
def test_what_is_good(tmp_path: Path, section: str) -> None:
    assert said(tmp_path, section) == []


@pytest.mark.parametrize(("section", "key", "word"), [
    ('listen = "127.0.0.1"', "console.listen", "has no port"),
    ('listen = "127.0.0.1:8080"', "console.listen", "taken by http.listen"),
    ('listen = "0.0.0.0:8080"\nsecure = true', "console.listen", "taken by http.listen"),
    ('listen = "127.0.0.1:5060"', "console.listen", "taken by listen[1].uri"),
    ('hosts = ["https://console.example.com"]', "console.hosts[0]", "web address"),
    ('hosts = ["console.example.com:8443"]', "console.hosts[0]", "names a port"),
    ('hosts = ["a b"]', "console.hosts[0]", "no name of a host"),
    ('hosts = ["-a.example.com"]', "console.hosts[0]", "no name of a host"),
    (f'hosts = ["{".".join(["a" * 60] * 5)}"]', "console.hosts[0]", "no name of a host"),
    ('proxies = ["proxy.example.com"]', "console.proxies[0]", "proxy.example.com"),
    ('proxies = ["127.0.0.1:80"]', "console.proxies[0]", "names a port"),
    ('secure = "yes"', "console.secure", "true or false"),
    ('port = 8088', "console.port", "unknown key; here stand listen"),
])
def test_what_is_wrong_is_said_where_it_stands(tmp_path: Path, section: str, key: str, word: str) -> None:
    [(level, where, text)] = said(tmp_path, section)
    assert (level, where) == ("error", key)
    assert word in text


def test_passwords_as_plain_text_are_doubted_and_taken(tmp_path: Path) -> None:
    [(level, key, text)] = said(tmp_path, 'listen = "0.0.0.0:8088"')
    assert (level, key) == ("warning", "console.listen")
    assert "reverse proxy" in text
    assert examine(tmp_path / "boomerang.toml").config is not None


@pytest.mark.parametrize("listen", ["127.0.0.1:8080", "off"])
@pytest.mark.parametrize("token", ["file:/run/nobody/has/it", "env:NOBODY_HAS_IT", "hunter2"])
def test_the_key_of_an_api_that_is_elsewhere_is_doubted_and_harmless(tmp_path: Path, token: str, listen: str) -> None:
    """Whether or not what it names is still there: the daemon starts."""
    path = tmp_path / "boomerang.toml"
    path.write_text(NODE.replace('listen = "127.0.0.1:8080"', f'listen = "{listen}"\ntoken = "{token}"'))
    found = examine(path)
    [doubt] = found.problems
    assert (doubt.level, doubt.key, doubt.line) == ("warning", "http.token", NODE[:NODE.index("8080")].count("\n") + 2)
    assert "no effect any more: the API is the console's (console.listen)" in doubt.text
    assert found.config is not None
    assert "hunter2" not in f"{doubt}{found.config!r}"


def test_off_unless_it_is_asked_for(tmp_path: Path) -> None:
    said(tmp_path, "")
    config = examine(tmp_path / "boomerang.toml").config
    assert config is not None
    assert config.console.address is None
