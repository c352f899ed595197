"""What people type by mistake into the two files: each gets a sentence with file, key and line that says what to do."""

from pathlib import Path

import pytest

from config.node import examine
from config.patterns import foreign_pattern
from config.policy import parse_policy, set_key
from config.problem import ConfigError, Problem

NODE = """[node]
name = "edge1"
data = "data"

[[listen]]
uri = "udp://203.0.113.5:5060"

[trunk.main]
peers = ["sip:198.51.100.10:5060"]
sources = ["198.51.100.0/24"]

[pbx.office]
peers = ["sip:203.0.113.10:5060"]
extensions = "^2[0-9]{2}$"
answers = "before_queue"

[mqtt]
url = "embedded"

[http]
listen = "127.0.0.1:8080"

[policy]
seed = "policy.toml"
"""
POLICY = """region = "HU"
timezone = "Europe/Budapest"

[direct_callback]
type = 1
expires_after = "8h"

[guard]
quiet_hours = ["mon-sun 00:00-08:00", "mon-sun 20:00-24:00"]

[agent.201]
name = "Anna"

[number."+3614445555"]
kind = "shared"
group = "sales"

[number."+3614445599"]
kind = "direct"
agent = "201"

[group.sales]
target = "600"
agents = ["201", "202"]
hours = ["mon-fri 08:00-17:00"]
missed_callback = { enabled = true, window = "24h", attempts = 4 }
"""
CAMPAIGN = '[campaign.10001]\ngroup = "sales"\n'

# What stands there, what is typed in its place, and: line, key, what the sentence says.
IN_NODE = [
    ("[node]", "\ufeff[node]", 1, "", "byte order mark"),
    ("[[listen]]", "[listen]", 5, "listen", "[[listen]]"),
    ("[mqtt]", '[group.sales]\ntarget = "600"\n[mqtt]', 17, "group", "policy.toml"),
    ("[mqtt]", "[direct_callback]\ntype = 1\n[mqtt]", 17, "direct_callback", "policy.toml"),
    ("[mqtt]", '[policy.group.sales]\ntarget = "600"\n[mqtt]', 17, "policy.group", "policy.toml"),
    ("[mqtt]", "[tickets]\nenabled = true\n[mqtt]", 18, "tickets.enabled", "policy.toml"),
    ('"edge1"', '"edge1', 2, "", "quote is missing"),
    ('"edge1"', 'edge1"', 2, "", "quote is missing"),
    ('"edge1"', "edge1", 2, "", "in quotes"),
    ('"edge1"', "", 2, "", "nothing stands after"),
    ("[mqtt]", '[media]\nports = "17383-16384"\n[mqtt]', 18, "media.ports", "16384-17383"),
    ('data = "data"', 'data = "file"', 3, "node.data", "is a file; name a folder"),
    ('data = "data"', 'data = "file/data"', 3, "node.data", "is a file; name a folder"),
    ('data = "data"', f'data = "{"x" * 300}"', 3, "node.data", "cannot be had: File name too long"),
    ('"^2[0-9]{2}$"', '"_2XX"', 14, "pbx.office.extensions", "Asterisk's dialplan: write ^2[0-9][0-9]$"),
    ('"^2[0-9]{2}$"', '"_[23]XX"', 14, "pbx.office.extensions", "write ^[23][0-9][0-9]$"),
    ('"^2[0-9]{2}$"', '"2XX"', 14, "pbx.office.extensions", "write ^2[0-9][0-9]$"),
    ('"^2[0-9]{2}$"', '"200-299"', 14, "pbx.office.extensions", "a range: write ^2[0-9]{2}$"),
    ('"^2[0-9]{2}$"', '"201, 202"', 14, "pbx.office.extensions", "write ^(201|202)$"),
    ('"^2[0-9]{2}$"', '">=200 && <=299"', 14, "pbx.office.extensions", "a comparison"),
    ('"^2[0-9]{2}$"', '"/^2..$/"', 14, "pbx.office.extensions", "write ^2..$"),
    ('"^2[0-9]{2}$"', '"^2\\d{2}$"', 14, "", "a backslash is written twice"),
    ('"^2[0-9]{2}$"', '["2.."]', 14, "pbx.office.extensions", "must be text"),
    ("extensions =", "extension =", 14, "pbx.office.extension", "did you mean extensions?"),
    ("sip:203.0.113.10:5060", "sip:203.0.113.5", 13, "pbx.office.peers[0]", "is Boomerang itself"),
    ("sip:198.51.100.10:5060", "sip:203.0.113.5:5060", 9, "trunk.main.peers[0]", "address of the carrier"),
    ("sip:198.51.100.10:5060", "sip://198.51.100.10", 9, "trunk.main.peers[0]", "without //"),
    ("sip:198.51.100.10:5060", "198.51.100.10:5060", 9, "trunk.main.peers[0]", "write sip:host:port"),
    ("sip:198.51.100.10:5060", "sip:198.51.100.10:506000", 9, "trunk.main.peers[0]", "1 to 65535"),
    ('["sip:198.51.100.10:5060"]', '"sip:198.51.100.10"', 9, "trunk.main.peers", "square brackets"),
    ('["198.51.100.0/24"]', "[198.51.100.0/24]", 10, "", "each text of a list stands in quotes"),
    ("198.51.100.0/24", "198.51.100.10/24", 10, "trunk.main.sources[0]", "write 198.51.100.0/24"),
    ("198.51.100.0/24", "198.51.100.*", 10, "trunk.main.sources[0]", "such as 198.51.100.0/24"),
    ("198.51.100.0/24", "198.51.100.1-198.51.100.9", 10, "trunk.main.sources[0]", "the networks that it is made of"),
    ("198.51.100.0/24", "carrier.example.com", 10, "trunk.main.sources[0]", "names are not looked up here"),
    ("udp://203.0.113.5:5060", "udp://*:5060", 6, "listen[0].uri", "0.0.0.0"),
    ("udp://203.0.113.5:5060", "udp://eth0:5060", 6, "listen[0].uri", "bound to an address"),
    ("[trunk.main]", "[trunk]", 9, "trunk.peers", "write [trunk.NAME]"),
    ("[trunk.main]", "[[trunk]]", 8, "trunk", "write [trunk.NAME]"),
    ('url = "embedded"', 'host = "127.0.0.1"', 18, "mqtt.host", "here stand url, prefix"),
    ('"embedded"', '"tcp://127.0.0.1"', 18, "mqtt.url", "write mqtt://host:port"),
    ('"127.0.0.1:8080"', "8080", 21, "http.listen", "must be text, in quotes"),
    ('"policy.toml"', '"none.toml"', 24, "policy.seed", "cannot be read"),
    ("[http]", "[http", 20, "", "] at the end of the section's name"),
    ('"before_queue"', '"queue"', 15, "pbx.office.answers", "'on_agent'"),
]
IN_POLICY = [
    ('[number."+3614445555"]', "[number.+3614445555]", 14, "", 'stands in quotes: [number."+3614445555"]'),
    ("[direct_callback]", 'number.+36.kind = "direct"\n[direct_callback]', 4, "", "stands in quotes"),
    ("region", "\ufeffregion", 1, "", "byte order mark"),
    ("[agent.201]", '[mqtt]\nurl = "off"\n[agent.201]', 11, "mqtt", "[mqtt] stands in boomerang.toml"),
    ('[agent.201]\nname = "Anna"', "[direct_callback.201]\ntype = 3", 11, "direct_callback.201",
     "[agent.201.direct_callback]"),
    ("[agent.201]", "[missed_callback.vip]\nenabled = true\n[agent.201]", 11, "missed_callback.vip",
     "[group.vip.missed_callback]"),
    ('["201", "202"]', '["201, "202"]', 24, "", "quote is missing"),
    ('["201", "202"]', '["201", "202"', 25, "", "a list is not closed"),
    ('[number."+3614445555"]', '[number."+3614445555]', 14, "", "quote is missing"),
    ("type = 1", "type = 1\ntype = 2", 6, "", "type stands here twice: line 5"),
    ("[agent.201]", '[direct_callback]\nring_for = "9s"\n[agent.201]', 11, "", "it begins in line 4 already"),
    ("[agent.201]", "[group.sales.missed_callback]\nattempts = 2\n[agent.201]", 28, "", "is set above already"),
    ('"HU"', "HU", 1, "", "in quotes"),
    ('"8h"', "8h", 6, "", "in quotes"),
    ('"8h"', "\u201c8h\u201d", 6, "", "typographic quotes"),
    ('"8h"', "28800", 6, "direct_callback.expires_after", 'such as "20s"'),
    ('"8h"', '"900d"', 6, "direct_callback.expires_after", "must be 366d at most"),
    ("type = 1", "type: 1", 5, "", "not a colon"),
    ("type = 1", "type = 1 // off", 5, "", "a comment begins with #"),
    ("type = 1", "; type = 1", 5, "", "a comment begins with #"),
    ("type = 1", "type", 5, "", "write = between"),
    ("type = 1", "type = 7", 5, "direct_callback.type", "must be 4 at most"),
    ("= true", "= True", 26, "", "write true or false"),
    ("= true", "= yes", 26, "", "write true or false"),
    ("attempts = 4 }", "attempts = 4, }", 26, "", "none after the last one"),
    ("attempts = 4 }", "attempts = 4", 26, "", "stands on one line"),
    ("enabled = true, window", "enabled = true,\n window", 26, "", "stands on one line"),
    ("[group.sales]", "[group.sales team]", 22, "", "a name with spaces"),
    ("+3614445555", "+36144455[0-9]{2}", 14, 'number."+36144455[0-9]{2}"', "without ranges and patterns"),
    ("+3614445555", "+3614445500-+3614445599", 14, 'number."+3614445500-+3614445599"', "without ranges"),
    ("+3614445555", "_3614445XXX", 14, "number._3614445XXX", "without ranges and patterns"),
    ("+3614445555", "0614445555", 14, "number.0614445555", "such as +3614445555"),
    ('["201", "202"]', '[">=201"]', 24, "group.sales.agents[0]", "agents are listed one by one"),
    ('["201", "202"]', '["^2[0-9]{2}$"]', 24, "group.sales.agents[0]", "agents are listed one by one"),
    ('["201", "202"]', "[201, 202]", 24, "group.sales.agents[1]", "must be text, in quotes"),
    ('["201", "202"]', '"201"', 24, "group.sales.agents", "square brackets"),
    ("agents =", "agent =", 24, "group.sales.agent", "did you mean agents?"),
    ('group = "sales"', 'group = "slaes"', 16, 'number."+3614445555".group', "did you mean sales?"),
    ("08:00-17:00", "22:00-06:00", 25, "group.sales.hours[0]", "22:00-24:00 of one day and 00:00-06:00 of the next"),
    ('region = "HU"\n', "", 25, "group.sales.missed_callback.enabled", 'write region = "HU"'),
    ("[agent.201]", '[[agent]]\nextension = "201"', 11, "agent", "write [agent.NAME]"),
]
DOUBTFUL = [
    ('["201", "202"]', '["201-299"]', 24, "group.sales.agents[0]", "agents are listed one by one"),
    ('["201", "202"]', '["201", "301", "302"]', 24, "group.sales.agents[1]", "'301' (nor 302) is not matched by"),
    ("[agent.201]", "[agent.301]", 11, "agent.301", "'301' is not matched by pbx.*.extensions, '^2[0-9]{2}$'"),
    ("[group.sales]", f'{CAMPAIGN}add_key = "1"\nadd_prompt = "hello"\n[group.sales]', 25, "campaign.10001.add_prompt",
     "data/prompts/en/hello.wav"),
]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "file").write_text("x")
    return tmp_path


def told(folder: Path, node: str, policy: str) -> list[Problem]:
    """Everything that is said about two files, in the words of a folder without its path."""
    (folder / "boomerang.toml").write_text(node)
    (folder / "policy.toml").write_text(policy)
    try:
        found = examine(folder / "boomerang.toml").problems
    except ConfigError as error:
        found = error.problems
    return [problem._replace(file=Path(problem.file).name, text=problem.text.replace(f"{folder}/", ""))
            for problem in found]


def says(found: list[Problem], file: str, line: int, key: str, part: str) -> bool:
    return any((one.file, one.line, one.key) == (file, line, key) and part in one.text for one in found)


def test_without_a_mistake_nothing_is_said(folder: Path) -> None:
    assert told(folder, NODE, POLICY) == []


@pytest.mark.parametrize(("there", "typed", "line", "key", "part"), IN_NODE)
def test_mistake_in_boomerang_toml(folder: Path, there: str, typed: str, line: int, key: str, part: str) -> None:
    assert there in NODE
    found = told(folder, NODE.replace(there, typed, 1), POLICY)
    assert says(found, "boomerang.toml", line, key, part), found


@pytest.mark.parametrize(("there", "typed", "line", "key", "part"), IN_POLICY)
def test_mistake_in_policy_toml(folder: Path, there: str, typed: str, line: int, key: str, part: str) -> None:
    assert there in POLICY
    found = told(folder, NODE, POLICY.replace(there, typed, 1))
    assert says(found, "policy.toml", line, key, part), found
    bad = {one.level for one in found} == {"error"}
    assert bad != ("byte order mark" in part)


@pytest.mark.parametrize(("there", "typed", "line", "key", "part"), DOUBTFUL)
def test_what_can_be_used_is_a_warning(folder: Path, there: str, typed: str, line: int, key: str, part: str) -> None:
    assert there in POLICY
    found = told(folder, NODE, POLICY.replace(there, typed, 1))
    assert says(found, "policy.toml", line, key, part), found
    assert {one.level for one in found} == {"warning"}


def test_a_recording_that_is_there_is_not_missed(folder: Path) -> None:
    (folder / "data" / "prompts" / "en").mkdir(parents=True)
    (folder / "data" / "prompts" / "en" / "hello.wav").touch()
    assert told(folder, NODE, POLICY.replace(*DOUBTFUL[3][:2])) == []


def test_a_secret_is_never_repeated(folder: Path) -> None:
    for typed in ("password = hunter2", "password = 'hunter2", 'password = "hunter2"', "hunter2", "[hunter2",
                  "password = [\"hunter2\"]", "password: hunter2", "password = hunter2 # x"):
        found = told(folder, NODE.replace("sources =", f'username = "acme"\n{typed}\nsources ='), POLICY)
        assert found
        assert "hunter2" not in "".join(map(str, found))


URLS = ("mqtt://acme:hunter2@b:1883", "mqtts://acme:hunter2@b", "embedded://acme:hunter2@0.0.0.0", "mqtt://b:hunter2",
        "acme:hunter2@b:1", "amqp://acme:hunter2@b", "sip:acme:hunter2@b", "sip:b:hunter2", "udp://acme:hunter2@b:5060",
        "https://acme:hunter2@b/x", "ftp://acme:hunter2@b/x", "smtp://acme:hunter2@b", "b:hunter2", "acme:hunter2@",
        "mqtt://acme:hun'ter2\"x@b", "mqtt://acme:hunter2 @b", "mqtt://acme:p@hunter2@b", "env:hunter2!",
        "env:hunt-er2")
LITERAL = "'''"
PLACES = {"mqtt": ("url", "password", "username"), "http": ("listen", "token"), "dns": ("servers",),
          "tickets": ("webhook", "webhook_secret", "smtp", "smtp_password", "smtp_from"),
          "trunk.main": ("peers", "sources", "password", "from_domain", "realm"), "pbx.office": ("peers", "agent_from"),
          "listen": ("uri", "advertise"), "media": ("listen", "advertise", "ports")}


@pytest.mark.parametrize("section", PLACES)
@pytest.mark.parametrize("url", URLS)
def test_no_url_gives_its_password_away(folder: Path, section: str, url: str) -> None:
    """Wherever it was typed by mistake, and whatever is wrong with it besides."""
    for key in PLACES[section]:
        quoted = f"{LITERAL}{url}{LITERAL}"
        for value in (quoted, f"[{quoted}]"):
            head = "[[listen]]" if section == "listen" else f"[{section}]"
            lines = [line for line in NODE.splitlines() if line.partition(" =")[0] != key or section not in head]
            text = "\n".join(lines) + "\n"
            text = text.replace(head + "\n", f"{head}\n{key} = {value}\n", 1) if head in text else \
                f"{text}{head}\n{key} = {value}\n"
            said = "".join(map(str, told(folder, text, POLICY)))
            for part in ("hunter2", "hun'ter2", "hunt-er2", "ter2"):
                assert part not in said, (key, value, said)


@pytest.mark.parametrize(("url", "more", "good"), [
    ("embedded", "", True), ("embedded://127.0.0.1:1884", "", True), ("embedded://[::1]:1884", "", True),
    ("embedded://localhost", "", True), ("embedded://0.0.0.0", "", False), ("embedded://[::]:1883", "", False),
    ("embedded://198.51.100.7", "", False), ("embedded://broker.example", "", False),
    ("embedded://0.0.0.0", 'username = "reader"', False), ("embedded://0.0.0.0", 'password = "file:secret"', False),
    ("embedded://0.0.0.0", 'username = "reader"\npassword = "file:secret"', True), ("mqtt://198.51.100.7", "", True),
])
def test_a_broker_of_ours_lets_nobody_in(folder: Path, url: str, more: str, good: bool) -> None:
    (folder / "secret").write_text("s3cret")
    found = told(folder, NODE.replace('url = "embedded"', f'url = "{url}"\n{more}'), POLICY)
    if good:
        assert found == []
    else:
        (problem,) = found
        assert (problem.key, problem.level) == ("mqtt.url", "error")
        assert "set username and password" in problem.text


@pytest.mark.parametrize(("hours", "quiet", "key", "part"), [
    ([], [], "group.sales", "at 00:00 and 04:00"),
    ([], ["mon-sun 21:00-24:00"], "group.sales", "mon 00:00"),
    ([], ["mon-sun 00:00-08:00"], "group.sales", "mon 22:00"),
    (["mon-sun 00:00-24:00"], [], "group.sales", "mon 00:00"),
    (["mon-fri 05:30-17:00"], [], "group.sales", "mon 05:30"),
    (["sat 08:00-23:00"], ["mon-fri 20:00-24:00"], "group.sales", "sat 22:00"),
])
def test_calls_at_night_are_a_warning(folder: Path, hours: list[str], quiet: list[str], key: str, part: str) -> None:
    text = POLICY.replace('["mon-fri 08:00-17:00"]', str(hours).replace("'", '"'))
    text = text.replace('["mon-sun 00:00-08:00", "mon-sun 20:00-24:00"]', str(quiet).replace("'", '"'))
    (found,) = told(folder, NODE, text)
    assert (found.level, found.key, found.line) == ("warning", key, 22)
    assert part in found.text
    assert "guard.quiet_hours = [" in found.text


@pytest.mark.parametrize(("hours", "quiet"), [
    ('["mon-fri 08:00-17:00"]', "[]"), ('["mon-sun 06:00-22:00"]', "[]"), ("[]", '["mon-sun 00:00-06:00,22:00-24:00"]'),
])
def test_calls_by_day_are_none(folder: Path, hours: str, quiet: str) -> None:
    text = POLICY.replace('["mon-fri 08:00-17:00"]', hours)
    text = text.replace('["mon-sun 00:00-08:00", "mon-sun 20:00-24:00"]', quiet)
    assert told(folder, NODE, text) == []
    off = text.replace("enabled = true", "enabled = false").replace(hours, "[]").replace(quiet, "[]")
    assert told(folder, NODE, off) == [], "whoever calls nobody back is not warned"


def test_many_groups_at_night_are_one_warning(folder: Path) -> None:
    more = "".join(f'[group.g{number}]\ntarget = "6{number}"\n' for number in range(10, 20))
    text = f"{POLICY}{more}[missed_callback]\nenabled = true\n".replace('["mon-fri 08:00-17:00"]', "[]")
    (found,) = told(folder, NODE, text.replace('["mon-sun 00:00-08:00", "mon-sun 20:00-24:00"]', "[]"))
    assert "here and in 10 more" in found.text


@pytest.mark.parametrize("more", [
    "[missed_callback]\nenabled = true\n", "[group.a]\ntarget = \"6\"\nmissed_callback = { enabled = true }\n",
    '[group.a]\ntarget = "6"\n[campaign.10001]\ngroup = "a"\n'])
def test_whoever_is_called_back_without_a_country_is_refused(more: str) -> None:
    with pytest.raises(ConfigError, match=r"neither region nor guard.countries"):
        parse_policy(more)
    for said in ('region = "HU"\n', 'guard.countries = ["HU"]\n'):
        parse_policy(said + more)
    assert parse_policy(more, kept=True).region == "", "what was accepted once stays in force, or calls would suffer"
    with pytest.raises(ConfigError, match=r"neither region nor guard.countries"):
        set_key(parse_policy('region = "HU"\n' + more), "region", "")


@pytest.mark.parametrize("more", [
    '[group.a]\ntarget = "6"\n[campaign.10001]\ngroup = "a"\nas_ticket = true\n',
    '[group.a]\ntarget = "6"\n[campaign.10001]\ngroup = "a"\nenabled = false\n',
    "[missed_callback]\nenabled = false\n"])
def test_whoever_calls_nobody_needs_no_country(more: str) -> None:
    parse_policy(more)


@pytest.mark.parametrize("pattern", [
    "^2[0-9]{2}$", "2..", "[2-7][0-9]{2}", "(?<=x)2", "(?P<n>2)..", "201|202", "^(20[1-9]|21[0-9])$", "_?2[0-9]{2}",
    "^_2[0-9]+$", r"\d{3}", "[A-Z]+[0-9]*"])
def test_what_may_be_a_regular_expression_is_one(pattern: str) -> None:
    assert foreign_pattern(pattern) is None


@pytest.mark.parametrize("key", ["number.+3614445555.kind", 'number."+3614445555".kind', "number.'+3614445555'.kind"])
def test_a_shell_may_take_the_quotes_of_a_number_away(key: str) -> None:
    assert set_key(parse_policy(POLICY), key, "direct").number_for("+3614445555").kind == "direct"
