"""What may be asked about who changed what."""

from proxy.verbs.handlers.reading import look_up
from proxy.verbs.shapes import audit as shapes
from proxy.verbs.shapes.rows import audit_of
from proxy.verbs.shapes.verb import Bound
from routing.store.reader import Reader


class AuditAnswers:
    """Answers `audit.list`."""

    def __init__(self, reader: Reader) -> None:
        """`reader`: a strict one."""
        self._reader = reader

    def bound(self) -> list[Bound]:
        """Every verb that is answered here."""
        return [shapes.LIST.by(self.lines)]

    async def lines(self, args: shapes.ListAudit) -> list[shapes.AuditLine]:
        """The newest lines, newest first."""
        rows = await look_up(lambda: self._reader.people.audit(args.limit, args.who, args.door, args.verb))
        return [audit_of(row) for row in rows]
