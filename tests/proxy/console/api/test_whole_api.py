"""Requests made of the document itself, at every path: no fault of ours, no answer that the document does not have."""

import os
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.core.failures import FailureGroup
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tests.kit.ports import LOOPBACK
from tests.kit.waiting import PATIENCE
from tests.proxy.console.api.site import Site

EXAMPLES = int(os.environ.get("BOOMERANG_API_EXAMPLES", "4"))
"""Of each path; many more are for somebody who looks for trouble."""
ENDLESS = "/api/v1/events"
CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]


@schemathesis.serializer("application/toml", "audio/wav")
def octets(context: Any, value: Any) -> bytes:
    return value if isinstance(value, bytes) else str(value).encode(errors="replace")


@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE], ids=lambda mode: mode.value)
def test_every_answer_is_in_the_document(api: Site, mode: GenerationMode) -> None:
    bearer = {"Authorization": f"Bearer {api.tokens['admin']}"}
    schema = schemathesis.openapi.from_url(f"http://{LOOPBACK}:{api.port}/api/v1/openapi.json", headers=bearer)
    wrong, asked = [], 0
    for found in schema.get_all_operations():
        operation: Any = found.ok()  # type: ignore[union-attr]  # a document that cannot be read fails here
        if operation.path == ENDLESS:
            continue

        @settings(max_examples=EXAMPLES, deadline=None, derandomize=True, database=None,
                  phases=[Phase.explicit, Phase.generate], suppress_health_check=[*HealthCheck])
        @given(case=operation.as_strategy(generation_mode=mode))
        def ask(case: Any) -> None:
            case.call_and_validate(headers=bearer, timeout=PATIENCE, checks=CHECKS)

        asked += 1
        try:
            ask()
        except Unsatisfiable:
            continue  # nothing that is sent there could be wrong
        except (FailureGroup, Exception) as error:
            wrong.append(f"{operation.label}: {error}")
    assert wrong == [], "\n\n".join(wrong)
    assert asked > 60
