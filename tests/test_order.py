"""Files of tests are begun in an order that keeps the processors busy, and each is begun."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.kit.order import LONGEST, WAITING, in_order

FOLDER = Path(__file__).parent
PARTS = st.sampled_from(["peers", "browser", "flows", "routing/store"])
FILES = st.lists(st.one_of(st.sampled_from(LONGEST), st.builds("{}/test_{}.py".format, PARTS, st.integers(0, 99))),
                 unique=True)


@pytest.mark.parametrize("name", [*LONGEST, *WAITING])
def test_what_is_named_is_there(name: str) -> None:
    assert (FOLDER / name).exists()


@given(FILES)
def test_each_is_begun_once_and_the_longest_of_its_kind_first(files: list[str]) -> None:
    order = in_order(files)
    assert sorted(order) == sorted(files)
    for waits in (True, False):
        kind = [name for name in order if name.startswith(WAITING) == waits]
        long = [name for name in kind if name in LONGEST]
        assert long == [name for name in LONGEST if name in kind]
        rest = [name for name in files if name.startswith(WAITING) == waits and name not in LONGEST]
        assert kind == long + rest


def test_those_that_wait_are_dealt_among_those_that_work() -> None:
    files = [f"peers/test_{at}.py" for at in range(10)] + [f"routing/test_{at}.py" for at in range(40)]
    order = in_order(files)
    for at in range(0, 40, 10):
        assert 2 <= sum(name.startswith(WAITING) for name in order[at : at + 10]) <= 3
    assert not any(name.startswith(WAITING) for name in order[-7:])
