"""boomerang.toml: what it says, and everything that can be wrong with it."""

import os
from pathlib import Path

import pytest

from config.address import SipPeer
from config.broker import BrokerAddress
from config.limits import FILE_BYTES
from config.node import load_node, load_seed, read_socket
from config.problem import ConfigError
from config.syntax import QUOTES

DOCKER = Path(__file__).parents[2] / "docker"

TEXT = """\
[node]
name = "edge1"
data = "data"

[[listen]]
uri = "udp://0.0.0.0:5060"
advertise = "203.0.113.5"

[trunk.main]
peers = ["sip:198.51.100.10:5060"]
sources = ["198.51.100.0/24"]

[pbx.office]
peers = [
    "sip:10.0.0.10:5060;transport=udp",
    "sip:10.0.0.11",
]
extensions = "^[2-7][0-9]{2}$"

[policy]
seed = "policy.toml"
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "policy.toml").write_text('region = "HU"\n')
    for name in ("certificate.pem", "key.pem", "ca.pem"):
        (tmp_path / name).write_text("")
    return tmp_path


def write(folder: Path, text: str) -> Path:
    path = folder / "boomerang.toml"
    path.write_text(text)
    return path


def problems(folder: Path, text: str) -> list[tuple[str, str, int, str]]:
    with pytest.raises(ConfigError) as caught:
        load_node(write(folder, text))
    return [(Path(item.file).name, item.key, item.line, item.text) for item in caught.value.problems]


@pytest.mark.parametrize("sources", [
    '["198.51.0.0/16", "198.51.100.128/25"]', '["198.51.100.10"]', '["198.51.100.10:5066"]', '["10.0.0.10:5060"]'])
def test_networks_that_overlap_are_fine_where_one_is_narrower(folder: Path, sources: str) -> None:
    config = load_node(write(folder, TEXT.replace("extensions =", f"sources = {sources}\nextensions =")))
    assert config.pbx["office"].source_networks


def test_one_address_with_two_transports_is_two_peers(folder: Path) -> None:
    text = TEXT.replace('"sip:10.0.0.11"', '"sip:198.51.100.10:5060;transport=tcp"')
    tcp = '[[listen]]\nuri = "tcp://0.0.0.0:5060"\n\n[trunk.main]'
    assert load_node(write(folder, text.replace("[trunk.main]", tcp))).pbx["office"].sip_peers[1].transport == "tcp"


def test_what_it_says(folder: Path) -> None:
    config = load_node(write(folder, TEXT))
    assert config.node.name == "edge1"
    assert config.socket == folder / "data" / "control.sock"
    listen = config.listen[0]
    assert (listen.transport, listen.host, listen.port, listen.advertised) == (
        "udp",
        "0.0.0.0",
        5060,
        ("203.0.113.5", 5060),
    )
    trunk, pbx = config.trunk["main"], config.pbx["office"]
    assert trunk.sip_peers == (SipPeer(None, "198.51.100.10", 5060, False),)
    assert trunk.trusted
    assert not trunk.register_
    assert [str(source.network) for source in trunk.source_networks] == ["198.51.100.0/24"]
    assert [peer.transport for peer in pbx.sip_peers] == ["udp", None]
    assert pbx.agent_from == ("X-Agent", "P-Asserted-Identity", "Remote-Party-ID", "From")
    assert pbx.answers == "on_agent"
    assert config.mqtt.broker is None
    assert config.http.address is None
    seed = load_seed(config)
    assert seed is not None
    assert seed.region == "HU"


def test_the_whole_extension_must_match(folder: Path) -> None:
    pbx = load_node(write(folder, TEXT.replace('"^[2-7][0-9]{2}$"', r'"20\\d|x"'))).pbx["office"]
    assert pbx.is_extension("201")
    assert pbx.is_extension("x")
    for user in ("2015", "1201", "201\n", "20٣", ""):
        assert not pbx.is_extension(user)


def test_everything_that_may_be_left_out(folder: Path) -> None:
    text = '[[listen]]\nuri = "udp://0.0.0.0"\n[trunk.a]\npeers = ["sip:a"]\n[pbx.b]\npeers = ["sip:b"]\n'
    config = load_node(write(folder, text))
    assert load_seed(config) is None
    assert config.node.data == Path("/var/lib/boomerang")
    assert config.listen[0].advertised is None
    assert (config.log.level, config.log.format, config.log.mask_numbers) == ("info", "auto", True)


def test_everything_that_may_be_said(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRUNK_PASSWORD", "s3cret")
    (folder / "mqtt-password").write_text("mosquito\n")
    text = TEXT.replace(
        'sources = ["198', 'username = "acme"\npassword = "env:TRUNK_PASSWORD"\nregister = true\nsources = ["198'
    )
    text += """
[[listen]]
uri = "tls://[::1]"
advertise = "[2001:db8::1]:5071"
certificate = "certificate.pem"
private_key = "key.pem"
ca = "ca.pem"
verify_client = true
[mqtt]
url = "mqtts://broker.example"
username = "file:mqtt-password"
password = "file:mqtt-password"
[http]
listen = "[::1]:8080"
[log]
format = "json"
"""
    config = load_node(write(folder, text))
    trunk = config.trunk["main"]
    assert trunk.register_
    assert trunk.password is not None
    assert trunk.password.get_secret_value() == "s3cret"
    assert config.mqtt.username == "mosquito"
    assert config.mqtt.broker == BrokerAddress("broker.example", 8883, tls=True, embedded=False)
    assert config.http.address == ("::1", 8080)
    assert config.listen[1].advertised == ("2001:db8::1", 5071)
    assert config.listen[1].certificate == folder / "certificate.pem"
    for shown in (repr(config), str(config), str(config.model_dump(mode="json"))):
        assert "s3cret" not in shown


TLS = '[[listen]]\nuri = "tls://0.0.0.0"\n'


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ('name = "edge1"', 'nam = "edge1"', ("node.nam", 2, "unknown key; did you mean name?")),
        ('"edge1"', '"édge"', ("node.name", 2, "'édge' is not a name: letters without accents only")),
        ('"edge1"', '"a/b"', ("node.name", 2, "'a/b' is not a name: up to 64 letters, digits and . _ -")),
        ('"data"', '""', ("node.data", 3, "is not a path")),
        ('"data"', "5", ("node.data", 3, "must be text, in quotes")),
        (
            "udp://0.0.0.0:5060",
            "udp://a:5060",
            ("listen[0].uri", 6, "'a' is a name: a listener is bound to an address, such as 0.0.0.0 or [::]"),
        ),
        ("[[listen]]\nuri", "[[listen]]\nurl", ("listen[0].uri", 5, "is missing and has no default")),
        ("[[listen]]", "[listen]", ("listen", 5, "write [[listen]] in double brackets, for there may be several")),
        ('"203.0.113.5"', '"203.0.113.500"', ("listen[0].advertise", 7, "'203.0.113.500' is not an IPv4 address")),
        (
            'advertise = "203.0.113.5"',
            'ca = "ca.pem"\nverify_client = true',
            ("listen[0].verify_client", 8, "is for a tls listener"),
        ),
        ('advertise = "203.0.113.5"', 'ca = "ca.pem"', ("listen[0].ca", 7, "is for a tls listener")),
        (
            "[policy]",
            TLS + 'ca = "none.pem"\n[policy]',
            ("listen[1].ca", 22, "none.pem cannot be read: No such file or directory"),
        ),
        (
            "[policy]",
            TLS + "[policy]",
            ("listen[1].certificate", 20, "is missing: a tls listener needs a certificate and its key"),
        ),
        (
            "[policy]",
            '[[listen]]\nuri = "udp://10.0.0.1:5060"\n[policy]',
            ("listen[1].uri", 21, "this address and port are taken by a listener above"),
        ),
        (
            "[policy]",
            '[[listen]]\nuri = "udp://0.0.0.0"\n[policy]',
            ("listen[1].uri", 21, "this address and port are taken by a listener above"),
        ),
        ('["sip:198.51.100.10:5060"]', "[]", ("trunk.main.peers", 10, "must not be empty")),
        (
            "sip:198.51.100.10:5060",
            "198.51.100.10",
            (
                "trunk.main.peers[0]",
                10,
                "'198.51.100.10' is not a peer: write sip:host:port, with ;transport=tcp or tls where needed",
            ),
        ),
        (
            "/24",
            "/33",
            (
                "trunk.main.sources[0]",
                11,
                "'198.51.100.0/33' is not a source: write an address, address:port or a network",
            ),
        ),
        (
            "sources =",
            'username = "x"\nsources =',
            ("trunk.main.password", 9, "is missing: username and password go together"),
        ),
        (
            "sources =",
            'password = "env:HOME"\nsources =',
            ("trunk.main.username", 9, "is missing: username and password go together"),
        ),
        ("sources =", "register = true\nsources =", ("trunk.main.register", 11, "needs username and password")),
        (
            "sources =",
            'password = "s3cret"\nsources =',
            ("trunk.main.password", 11, "a secret is never written here: name it as env:NAME or file:PATH"),
        ),
        (
            "sources =",
            'password = "env:NO_SUCH_VARIABLE"\nsources =',
            ("trunk.main.password", 11, "environment variable NO_SUCH_VARIABLE is not set"),
        ),
        ("sources =", "password = 5\nsources =", ("trunk.main.password", 11, "must be text, in quotes")),
        (
            "sources =",
            'username = "env:NO_SUCH_VARIABLE"\nsources =',
            ("trunk.main.username", 11, "environment variable NO_SUCH_VARIABLE is not set"),
        ),
        (
            '"sip:10.0.0.11"',
            '"sip:198.51.100.10:5060"',
            ("pbx.office.peers[1]", 16, "'sip:198.51.100.10:5060' is trunk.main already: whose call is it? "
             "Leave it to one of the two"),
        ),
        (
            '"sip:10.0.0.11"',
            '"sip:198.51.100.10;transport=udp"',
            ("pbx.office.peers[1]", 16, "'sip:198.51.100.10;transport=udp' is trunk.main already: whose call is it? "
             "Leave it to one of the two"),
        ),
        (
            "extensions =",
            'sources = ["198.51.100.0/24"]\nextensions =',
            ("pbx.office.sources[0]", 18, "'198.51.100.0/24' is trunk.main already: whose call is it? "
             "Leave it to one of the two, or write a narrower one"),
        ),
        (
            '"198.51.100.0/24"',
            '"10.0.0.11:5060"',
            ("trunk.main.sources[0]", 11, "'10.0.0.11:5060' is pbx.office already: whose call is it? "
             "Leave it to one of the two, or write a narrower one"),
        ),
        (
            "^[2-7]",
            "(",
            (
                "pbx.office.extensions",
                18,
                "'([0-9]{2}$' is not a regular expression: missing ), unterminated subpattern at position 0",
            ),
        ),
        (
            "^[2-7]",
            "[[a]",
            (
                "pbx.office.extensions",
                18,
                "'[[a][0-9]{2}$' is not a regular expression: Possible nested set at position 1",
            ),
        ),
        (
            "[policy]",
            'agent_from = ["X Agent"]\n[policy]',
            ("pbx.office.agent_from[0]", 20, "'X Agent' is not a header name"),
        ),
        ("[policy]", "agent_from = []\n[policy]", ("pbx.office.agent_from", 20, "must not be empty")),
        (
            "[policy]",
            'answers = "never"\n[policy]',
            ("pbx.office.answers", 20, "must be 'on_agent', 'before_queue' or 'auto'"),
        ),
        (
            "[policy]",
            '[mqtt]\nurl = "http://x"\n[policy]',
            ("mqtt.url", 21, "not a broker: 'http://x'; write mqtt://host:port, mqtts://host:port, embedded or off"),
        ),
        (
            "[policy]",
            '[mqtt]\nprefix = "a/#"\n[policy]',
            ("mqtt.prefix", 21, "'a/#' is not a topic prefix: no + and #, no / or $ at its start, no / at its end"),
        ),
        (
            "[policy]",
            '[mqtt]\nprefix = "a\\u0085"\n[policy]',
            ("mqtt.prefix", 21, "'a\\x85' is not a topic prefix: brokers refuse what cannot be printed"),
        ),
        (
            "[policy]",
            '[http]\nlisten = "127.0.0.1"\n[policy]',
            ("http.listen", 21, "'127.0.0.1' has no port: write address:port, or off"),
        ),
        (
            "[policy]",
            '[log]\nlevel = "loud"\n[policy]',
            ("log.level", 21, "must be 'debug', 'info', 'warning' or 'error'"),
        ),
        ("[policy]", "[htpp]\n[policy]", ("htpp", 20, "unknown key; did you mean http?")),
        ('"policy.toml"', "5", ("policy.seed", 21, "must be text, in quotes")),
        ('"policy.toml"', '"a\\u0000"', ("policy.seed", 21, "is not a path")),
    ],
)
def test_each_fault_has_its_key_and_line(folder: Path, old: str, new: str, problem: tuple[str, int, str]) -> None:
    text = TEXT.replace(old, new)
    assert text != TEXT
    found = [(key, line, reason.removeprefix(f"{folder}/")) for _, key, line, reason in problems(folder, text)]
    assert problem in found


def test_faults_of_all_sections_and_of_the_seed_at_once(folder: Path) -> None:
    (folder / "policy.toml").write_text('region = "XX"\n[number."+3614445555"]\npbx = "home"\ngroup = "x"\n')
    text = TEXT.replace("edge1", "").replace("udp:", "udb:").replace("sip:10.0.0.11", "10.0.0.11") + "x = 1\n"
    assert [item[:3] for item in problems(folder, text)] == [
        ("boomerang.toml", "node.name", 2),
        ("boomerang.toml", "listen[0].uri", 6),
        ("boomerang.toml", "pbx.office.peers[1]", 16),
        ("boomerang.toml", "policy.x", 22),
        ("policy.toml", "region", 1),
        ("policy.toml", 'number."+3614445555".pbx', 3),
        ("policy.toml", 'number."+3614445555".group', 4),
    ]


def test_names_in_the_seed(folder: Path) -> None:
    (folder / "policy.toml").write_text('[number."+3614445555"]\npbx = "home"\n')
    assert problems(folder, TEXT) == [("policy.toml", 'number."+3614445555".pbx', 2, "there is no PBX 'home'")]


def test_a_seed_that_changed_since_the_check(folder: Path) -> None:
    config = load_node(write(folder, TEXT))
    (folder / "policy.toml").write_text("region = 5\n")
    with pytest.raises(ConfigError, match=r"policy\.toml:1: region"):
        load_seed(config)


def test_a_seed_that_cannot_be_read(folder: Path) -> None:
    path = folder / "policy.toml"
    path.unlink()
    assert problems(folder, TEXT) == [
        ("boomerang.toml", "policy.seed", 21, f"{path}: cannot be read: No such file or directory")
    ]
    path.write_text("a = ]\n")
    assert problems(folder, TEXT) == [("policy.toml", "", 1, QUOTES)]


def test_nothing_there(folder: Path) -> None:
    assert problems(folder, "") == [
        ("boomerang.toml", key, 0, "is missing and has no default") for key in ("listen", "trunk", "pbx")
    ]
    assert problems(folder, "listen = []\n[trunk]\n[pbx]\n") == [
        ("boomerang.toml", key, line, "must not be empty") for line, key in enumerate(("listen", "trunk", "pbx"), 1)
    ]


@pytest.mark.parametrize("text", ["listen = [5]", "listen = 5", "trunk = 5", "trunk = { a = 5 }", "policy = 5"])
def test_what_is_no_table(folder: Path, text: str) -> None:
    assert any(item[3].startswith("must be") for item in problems(folder, text))


@pytest.mark.parametrize("text", ["trunk.a.peers = 5", "trunk.a.peers = [5]", "trunk.a.peers = 'sip:a'"])
def test_what_is_no_list_of_text(folder: Path, text: str) -> None:
    assert any(item[1].startswith("trunk.a.peers") and item[3].startswith("must be") for item in problems(folder, text))


def test_two_listeners_that_do_not_meet(folder: Path) -> None:
    more = "".join(
        f'[[listen]]\nuri = "{uri}"\n'
        for uri in ("tcp://0.0.0.0:5060", "udp://[::]:5060", "udp://10.0.0.1:5061", "udp://10.0.0.2:5061")
    )
    assert len(load_node(write(folder, TEXT + more)).listen) == 5


def test_the_same_address_may_stand_twice_on_one_side(folder: Path) -> None:
    text = TEXT.replace("sources = [", 'sources = ["198.51.100.10:5060", "198.51.100.10:5060", ')
    assert len(load_node(write(folder, text)).trunk["main"].sources) == 3


def test_files_that_are_no_text(folder: Path) -> None:
    path = folder / "boomerang.toml"
    for content, line, reason in [
        (b"a = 1\nb = '\xff'\n", 2, "not UTF-8"),
        (b"#" * (FILE_BYTES + 1), 0, "larger than"),
    ]:
        path.write_bytes(content)
        with pytest.raises(ConfigError) as caught:
            load_node(path)
        [problem] = caught.value.problems
        assert problem.line == line
        assert problem.text.startswith(reason)
    with pytest.raises(ConfigError, match="Is a directory"):
        load_node(folder)
    with pytest.raises(ConfigError, match="null byte"):
        load_node("a\0b")


def test_the_socket_needs_no_secrets(folder: Path) -> None:
    path = write(folder, TEXT.replace("sources =", 'password = "env:NO_SUCH_VARIABLE"\nsources ='))
    assert read_socket(path) == folder / "data" / "control.sock"
    assert read_socket(write(folder, "")) == Path("/var/lib/boomerang/control.sock")
    with pytest.raises(ConfigError, match=r"boomerang\.toml:2: node\.data: must be text, in quotes"):
        read_socket(write(folder, "[node]\ndata = 5\n"))


KEYED = TEXT.replace('data = "data"', 'data = "data"\nsigning_key = "file:node.key"\naccepted_keys = ["env:OLD_KEY"]')


@pytest.fixture
def keyed(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (folder / "node.key").write_text("5a" * 32)
    (folder / "node.key").chmod(0o600)
    monkeypatch.setenv("OLD_KEY", "a5" * 32)
    return folder


def test_one_key_and_siblings(keyed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    more = '[cluster]\nsiblings = ["203.0.113.6:5060", "EDGE2.example", "[2001:db8::6]:5070"]\n'
    path = write(keyed, KEYED + more)
    config = load_node(path)
    assert config.cluster.places == (("203.0.113.6", 5060), ("edge2.example", None), ("2001:db8::6", 5070))
    assert config.node.signing_key is not None
    assert config.node.signing_key.get_secret_value() == b"\x5a" * 32
    assert [key.get_secret_value() for key in config.node.accepted_keys] == [b"\xa5" * 32]
    assert "5a5a" not in repr(config)
    monkeypatch.delenv("OLD_KEY")
    assert read_socket(path) == keyed / "data" / "control.sock"


@pytest.mark.parametrize(("written", "key", "text"), [
    ("0.0.0.0:5060", "cluster.siblings[0]", "is every address of a machine"),
    ("203.0.113.6:0", "cluster.siblings[0]", "is not a port"),
    ("sip:203.0.113.6", "cluster.siblings[0]", "is not an address"),
    ("203.0.113.300", "cluster.siblings[0]", "is not an IPv4 address"),
    ('203.0.113.6", "203.0.113.6', "cluster.siblings[1]", "'203.0.113.6' stands there twice"),
    ("203.0.113.5", "cluster.siblings[0]", "is this node itself, what listen[0] advertises: siblings are the others"),
    ("127.0.0.1:5060", "cluster.siblings[0]", "is this node itself, listen[0]"),
    ("10.0.0.11", "cluster.siblings[0]", "is a peer of pbx.office"),
    ('a", "'.join(str(number) for number in range(18)), "cluster.siblings", "at most 16"),
])
def test_siblings_that_are_none(keyed: Path, written: str, key: str, text: str) -> None:
    [(_, found, line, said)] = problems(keyed, f'{KEYED}[cluster]\nsiblings = ["{written}"]\n')
    assert (found, line) == (key, len(KEYED.splitlines()) + 2)
    assert text in said


def test_a_shared_database(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHARED", "postgresql://boomerang:s3cret@db1,db2/boomerang")
    config = load_node(write(folder, f'{TEXT}[cluster]\ndatabase = "env:SHARED"\n'))
    assert config.cluster.database is not None
    assert config.cluster.database.get_secret_value() == "postgresql://boomerang:s3cret@db1,db2/boomerang"
    assert "s3cret" not in repr(config)


@pytest.mark.parametrize(("written", "text"), [
    ("env:SHARED", "is no address of a PostgreSQL database"),
    ("env:NOT_SET", "environment variable NOT_SET is not set"),
    ("file:none", "cannot be read"),
    ("postgresql://boomerang:s3cret@db1/boomerang", "a secret is never written here"),
])
def test_a_shared_database_that_is_none(folder: Path, monkeypatch: pytest.MonkeyPatch, written: str,
                                        text: str) -> None:
    monkeypatch.setenv("SHARED", "mysql://boomerang:s3cret@db1/boomerang")
    [(_, key, line, said)] = problems(folder, f'{TEXT}[cluster]\ndatabase = "{written}"\n')
    assert (key, line) == ("cluster.database", len(TEXT.splitlines()) + 2)
    assert text in said
    assert "s3cret" not in said


def test_siblings_without_a_key(folder: Path) -> None:
    [(_, key, _, text)] = problems(folder, f'{TEXT}[cluster]\nsiblings = ["203.0.113.6"]\n')
    assert (key, text[:22]) == ("cluster.siblings", "needs node.signing_key")


def test_a_key_that_is_none(keyed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (keyed / "node.key").chmod(0o604)
    monkeypatch.setenv("OLD_KEY", "secret")
    found = problems(keyed, KEYED)
    assert [key for _, key, _, _ in found] == ["node.signing_key", "node.accepted_keys[0]"]
    assert "readable by every user" in found[0][3]
    assert "secret" not in found[1][3]


def test_paths_start_in_the_folder_of_the_file(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(folder, TEXT)
    monkeypatch.chdir(folder.parent)
    config = load_node(os.path.join(folder.name, "boomerang.toml"))
    assert config.policy.seed == folder / "policy.toml"


def test_the_examples_are_good() -> None:
    config = load_node(DOCKER / "boomerang.toml")
    policy = load_seed(config)
    assert policy is not None
    assert policy.direct_for("201").type == 3


@pytest.mark.parametrize(("text", "days"), [(None, 400), ("0s", 0), ("1d", 1), ("3660d", 3660)])
def test_how_long_history_is_kept(folder: Path, text: str | None, days: int) -> None:
    line = "" if text is None else f'history_keep = "{text}"\n'
    config = load_node(write(folder, TEXT.replace('data = "data"\n', f'data = "data"\n{line}')))
    assert config.node.history_keep == days * 86_400


@pytest.mark.parametrize(("line", "keep", "size"), [
    ("", 1800.0, 32 << 20), ('keep = "off"', 0.0, 32 << 20), ('keep = "5m"\nmemory = 8', 300.0, 8 << 20)])
def test_how_many_messages_are_kept(folder: Path, line: str, keep: float, size: int) -> None:
    config = load_node(write(folder, f"{TEXT}\n[capture]\n{line}\n"))
    assert (config.capture.keep, config.capture.bytes) == (keep, size)


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ('"23h"', "keeps too little for today's figures and limits: write 1d or more, or 0s for ever"),
        ('"1ms"', "keeps too little for today's figures and limits: write 1d or more, or 0s for ever"),
        ('"3661d"', "must be 3660d at most"),
        ("400", 'write a duration as text with its unit, such as "20s" or "8h"'),
    ],
)
def test_history_that_cannot_be_kept_so(folder: Path, text: str, what: str) -> None:
    found = problems(folder, TEXT.replace('data = "data"\n', f'data = "data"\nhistory_keep = {text}\n'))
    assert found == [("boomerang.toml", "node.history_keep", 4, what)]


@pytest.mark.parametrize(
    ("peer", "text"),
    [
        ("sip:10.0.0.11;transport=tcp", "is reached by tcp over IPv4: there is no listener for that"),
        ("sips:pbx.example", "is reached by tls: there is no listener for that"),
        ("sip:[2001:db8::1]", "is reached by IPv6: there is no listener for that"),
        ("sip:[2001:db8::1];transport=tls", "is reached by tls over IPv6: there is no listener for that"),
    ],
)
def test_a_peer_that_no_listener_reaches(folder: Path, peer: str, text: str) -> None:
    wrong = TEXT.replace("sip:10.0.0.11", peer)
    assert problems(folder, wrong) == [("boomerang.toml", "pbx.office.peers[1]", 16, f"'{peer}' {text}")]


@pytest.mark.parametrize("peer", ["sip:pbx.example", "sip:[2001:db8::1]", "sips:pbx.example", "sip:10.0.0.11"])
def test_a_peer_that_some_listener_reaches(folder: Path, peer: str) -> None:
    tls = '\n[[listen]]\nuri = "tls://[::]"\ncertificate = "certificate.pem"\nprivate_key = "key.pem"\n'
    assert load_node(write(folder, TEXT.replace("sip:10.0.0.11", peer) + tls)).pbx["office"].peers[1] == peer


def test_where_no_listener_can_be_read_peers_are_not_judged(folder: Path) -> None:
    wrong = TEXT.replace("udp://0.0.0.0:5060", "0.0.0.0").replace("sip:10.0.0.11", "sips:pbx.example")
    assert [key for _, key, _, _ in problems(folder, wrong)] == ["listen[0].uri"]
