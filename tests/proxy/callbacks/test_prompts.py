"""What is said to whom."""

import pytest

from proxy.callbacks.prompts import place_ask
from proxy.media.library import groups
from routing.callbacks.queue_facts import PlaceTerms


@pytest.mark.parametrize(("customer", "read"), [
    ("+36301234567", ["+36", "30", "123", "4567"]),
    ("+12125550123", ["+1", "212", "555", "0123"]),
    ("+4930901820", ["+49", "30", "901820"]),
    ("+421905123456", ["+421", "905", "123", "456"]),
])
def test_an_agent_hears_the_number_in_the_groups_of_its_country(customer: str, read: list[str]) -> None:
    """Hyphens, as some countries write them, divide too."""
    terms = PlaceTerms("task", customer, "sales", "en", 20.0, 0.0)
    [digits] = [clip for clip in place_ask(terms) if clip.prompt == "digits"]
    assert groups(digits.digits) == read
