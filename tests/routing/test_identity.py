import pytest

from config.policy import SHARED, Number
from routing.facts import Identity, NewCall, Target
from routing.identity import (
    PbxFacts,
    Proof,
    answering_agent,
    calling_agent,
    customer,
    expected_agent,
    is_agent,
    names_no_agent,
)
from routing.numbers import Numbers

HU = Numbers("HU")
ORDER = ("X-Agent", "P-Asserted-Identity", "Remote-Party-ID", "From")
ON_AGENT = PbxFacts.of("^[2-7][0-9]{2}$", ORDER)
QUEUES = PbxFacts.of("^[2-7][0-9]{2}$", ORDER, "before_queue")
TARGETS = frozenset({"600"})
DIRECT = Number(kind="direct", agent="205")
HERE = Target()


def pai(user: str) -> Identity:
    return Identity("p-asserted-identity", user, "h", "")


def rpid(user: str) -> Identity:
    return Identity("remote-party-id", user, "h", "")


def sender(user: str) -> Identity:
    return Identity("from", user, "h", "")


def call(*identities: Identity, inbound: bool = True, withheld: bool = False, dialled: str = "+3614445555") -> NewCall:
    return NewCall("id", "inbound" if inbound else "outbound", "main", "office", dialled, identities, withheld, "cid")


# Who is the customer


def test_asserted_identity_comes_before_from() -> None:
    assert customer(call(sender("+36201111111"), pai("+36202222222")), HU) == "+36202222222"


def test_an_asserted_identity_that_is_no_number_leaves_it_to_from() -> None:
    assert customer(call(pai("trunk7"), sender("+36201111111")), HU) == "+36201111111"


def test_the_readable_one_of_two_asserted_identities() -> None:
    assert customer(call(pai("alice"), pai("06202222222"), sender("+36201111111")), HU) == "+36202222222"


def test_remote_party_id_is_not_asked() -> None:
    assert customer(call(rpid("+36202222222"), sender("+36201111111")), HU) == "+36201111111"


def test_withheld_is_nobody() -> None:
    assert customer(call(pai("+36202222222"), withheld=True), HU) is None


def test_an_identity_that_says_it_is_withheld_is_nobody_whatever_from_says() -> None:
    assert customer(call(pai("Anonymous"), sender("+36201111111")), HU) is None


def test_a_domain_that_is_nobodys_is_withheld_too() -> None:
    hidden = Identity("p-asserted-identity", "+36202222222", "anonymous.invalid", "")
    assert customer(call(hidden, sender("+36201111111")), HU) is None


def test_unreadable_is_nobody() -> None:
    assert customer(call(sender("alice")), HU) is None
    assert customer(call(), HU) is None


def test_outbound_it_is_who_was_dialled_even_where_the_agent_withholds() -> None:
    assert customer(call(sender("201"), inbound=False, withheld=True, dialled="06201111111"), HU) == "+36201111111"


# Which agent calls


def test_headers_in_order() -> None:
    one = call(sender("204"), rpid("203"), pai("202"), Identity("x-agent", "201", "", ""), inbound=False)
    assert calling_agent(one, ON_AGENT, TARGETS) == Proof("201", "x-agent")
    assert calling_agent(one, PbxFacts.of("^[2-7][0-9]{2}$", ["From", "X-Agent"]), TARGETS) == Proof("204", "from")


def test_a_header_without_an_extension_is_passed_over() -> None:
    one = call(Identity("x-agent", "Anna", "", ""), pai("+3614445555"), rpid("600"), sender("204"), inbound=False)
    assert calling_agent(one, ON_AGENT, TARGETS) == Proof("204", "from")


def test_nobody_calls() -> None:
    assert calling_agent(call(sender("+3614445555"), inbound=False), ON_AGENT, TARGETS) is None


def test_an_extension_is_whole_and_plain() -> None:
    anything = PbxFacts.of(".*", ())
    assert is_agent("201", ON_AGENT, TARGETS)
    assert not is_agent("201\n", ON_AGENT, TARGETS)
    assert not is_agent("2011", PbxFacts.of("[2-7][0-9]{2}", ()), TARGETS)
    assert not is_agent("201;x=y@evil", anything, TARGETS)
    assert not is_agent("600", anything, TARGETS)
    assert not is_agent("", anything, TARGETS)
    assert is_agent("anna.b", anything, TARGETS)


# Which agent answered


def test_identity_in_the_answer_proves_it() -> None:
    expected = expected_agent("+3614445555", Target("201"), SHARED, ON_AGENT, TARGETS)
    assert answering_agent([rpid("203"), pai("202")], expected, Target("201"), SHARED, ON_AGENT, TARGETS, 5.0) == \
        Proof("202", "identity")
    assert answering_agent([rpid("203")], expected, Target("201"), SHARED, ON_AGENT, TARGETS, 5.0) == \
        Proof("203", "identity")
    others = [pai("600"), pai("+36201111111")]
    assert answering_agent(others, expected, Target("201"), SHARED, ON_AGENT, TARGETS, 5.0) == Proof("201", "dialled")


def test_other_headers_of_the_answer_prove_nothing() -> None:
    assert answering_agent([sender("202")], None, HERE, SHARED, ON_AGENT, TARGETS, 5.0) is None


def test_the_extension_we_dialled_is_proof_also_where_the_pbx_answers_queues_first() -> None:
    expected = expected_agent("+3614445555", Target("201"), SHARED, QUEUES, TARGETS)
    assert answering_agent([], expected, Target("201"), SHARED, QUEUES, TARGETS, 5.0) == Proof("201", "dialled")
    assert answering_agent([pai("202")], expected, Target("201"), SHARED, QUEUES, TARGETS, 5.0) == \
        Proof("202", "identity")


def test_an_extension_that_the_trunk_dialled() -> None:
    assert expected_agent("203", HERE, SHARED, ON_AGENT, TARGETS) == Proof("203", "dialled")
    assert expected_agent("203", HERE, SHARED, QUEUES, TARGETS) is None
    assert expected_agent("600", HERE, SHARED, ON_AGENT, TARGETS) is None


def test_the_owner_of_a_direct_number() -> None:
    assert expected_agent("+3614445599", HERE, DIRECT, ON_AGENT, TARGETS) == Proof("205", "number")
    assert expected_agent("+3614445599", HERE, DIRECT, QUEUES, TARGETS) is None
    assert expected_agent("+3614445599", HERE, Number(kind="direct"), ON_AGENT, TARGETS) is None


def test_a_queue_that_answers_first_proves_nothing_whatever_it_says() -> None:
    assert answering_agent([pai("650")], None, HERE, SHARED, QUEUES, TARGETS, 5.0) is None
    assert answering_agent([pai("202")], None, HERE, DIRECT, QUEUES, TARGETS, 5.0) == Proof("202", "identity")


def test_a_shared_number_where_the_agent_answers_needs_an_identity() -> None:
    assert answering_agent([], None, HERE, SHARED, ON_AGENT, TARGETS, 5.0) is None
    assert answering_agent([pai("202")], None, HERE, SHARED, ON_AGENT, TARGETS, 5.0) == Proof("202", "identity")


# Nobody's phone

AUTO = PbxFacts.of("^[2-7][0-9]{2}$", ORDER, "auto")


@pytest.mark.parametrize(("identities", "pbx", "waited", "nobody"), [
    ((pai("*97"),), ON_AGENT, 5.0, True),
    ((pai("8500"),), ON_AGENT, 5.0, True),
    ((rpid("8500"),), AUTO, 5.0, True),
    ((pai("8500"),), AUTO, 0.2, False),
    ((pai("8500"),), QUEUES, 5.0, False),
    ((pai("201"),), ON_AGENT, 5.0, False),
    ((pai("8500"), rpid("201")), ON_AGENT, 5.0, False),
    ((pai("600"),), ON_AGENT, 5.0, False),
    ((pai("900"),), ON_AGENT, 5.0, False),
    ((pai("+36201234567"),), ON_AGENT, 5.0, False),
    ((pai("front.desk"),), ON_AGENT, 5.0, False),
    ((sender("8500"),), ON_AGENT, 5.0, False),
    ((), ON_AGENT, 5.0, False),
])
def test_an_extension_that_is_nobodys_phone(identities: tuple[Identity, ...], pbx: PbxFacts, waited: float,
                                            nobody: bool) -> None:
    """900 is what was dialled; a queue's own answer, an outside number and a name say nothing."""
    assert names_no_agent(identities, "900", HERE, SHARED, pbx, TARGETS, waited) is nobody
