"""Why a verb is refused: the same words at every door."""

from typing import Any

from proxy.control_client import ConflictError, ControlError, ForbiddenError, UnknownError

__all__ = ["ArgumentError", "ConflictError", "ForbiddenError", "UnknownError"]


class ArgumentError(ControlError):
    """An argument that cannot be; names it and says what it may be."""

    def __init__(self, key: str, text: str) -> None:
        problem: dict[str, Any] = {"file": "", "key": key, "line": 0, "text": text, "level": "error"}
        super().__init__(text, [problem])
        self.key = key
