"""An engine's words for the queries, and how its answers become rows: one way of asking for every engine."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from routing.store import callback_sql
from routing.store.queries import Parameters, Query


class Statement(NamedTuple):
    """How a query is asked."""

    text: str
    make: Callable[[Any], Any] | None = None
    """Makes the row that is answered; None: the columns as they are."""
    of_tasks: bool = False
    """Whether rows of tasks are answered, as the node that asks sees them."""


class Wording(NamedTuple):
    """What an engine says for each query."""

    statements: Mapping[Query, Statement]
    filtered: Mapping[Query, tuple[Statement, str]]
    """Those that ask for the newest rows of those that filters let pass: all rows, and in which order."""
    parameter: str
    """How a parameter is named in a statement, `{}` being its name."""

    def ask(self, execute: Callable[[str, Parameters], list[Any]], query: Query, parameters: Parameters,
            node: str) -> list[Any]:
        """Answer a query; `execute` runs a statement and returns what it found. `node`: who asks."""
        statement = self.statements.get(query)
        if statement is None:
            assert isinstance(parameters, Mapping)
            statement, order = self.filtered[query]
            given = {name: value for name, value in parameters.items() if name != "limit" and value is not None}
            where = " AND ".join(f'"{name}"={self.parameter.format(name)}' for name in given)
            text = (f"{statement.text}{' WHERE ' + where if where else ''} ORDER BY {order} DESC "
                    f"LIMIT {self.parameter.format('limit')}")
            found = execute(text, {**given, "limit": parameters["limit"]})
        else:
            found = execute(statement.text, parameters)
        if statement.of_tasks:
            return [callback_sql.to_task(row, node) for row in found]
        return [statement.make(row) for row in found] if found and statement.make is not None else found
