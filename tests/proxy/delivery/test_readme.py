"""README.md says what is sent."""

import json
import re
from pathlib import Path

from proxy.delivery.deliveries import ALARMS
from proxy.delivery.failure import PAUSES
from proxy.delivery.template import BUILT_IN, PLACEHOLDERS

README = (Path(__file__).parents[3] / "proxy/delivery/README.md").read_text("utf-8")


def test_the_built_in_form() -> None:
    shown = json.loads(README.partition("```json")[2].partition("```")[0])
    assert {key: set(value) if isinstance(value, dict) else None for key, value in shown.items()} == \
        {key: set(value) if isinstance(value, dict) else None for key, value in BUILT_IN.items()}


def test_placeholders_and_alarms() -> None:
    assert set(re.findall("`%([a-z_]+)%`", README)) == set(PLACEHOLDERS)
    for alarm in ALARMS.values():
        assert f"`{alarm}`" in README


def test_pauses() -> None:
    assert list(PAUSES["down"]) == [10, 30, 60, 120, 300, 600, 1800, 3600]
    assert "10 s, 30 s, 1, 2, 5, 10, 30 min, then 1 h" in README
    assert list(PAUSES["refused"]) == [300, 900, 3600, 3 * 3600, 6 * 3600]
    assert "5, 15 min, 1, 3, then 6 h" in README
