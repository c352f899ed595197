"""A daemon that remembers what it was asked."""

from typing import Any

from proxy.status.commands import CommandError


class FakeCommands:
    """Knows one task, `t1`."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, dict[str, Any]]] = []

    async def run(self, verb: str, args: dict[str, Any]) -> Any:
        self.asked.append((verb, args))
        if verb == "callbacks.show" and args.get("id") != "t1":
            raise CommandError(f"there is no task {args.get('id')!r}", unknown=True)
        if verb == "callbacks.add" and not args.get("customer"):
            raise CommandError("customer is missing", [{"key": "customer", "text": "is missing"}])
        if verb == "broken":
            raise ZeroDivisionError
        return {"verb": verb, "args": args}
