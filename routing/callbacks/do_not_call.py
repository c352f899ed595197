"""The do-not-call list as the desk holds it: who is on it is asked before each attempt."""

from collections.abc import Iterable, Iterator


class DoNotCallList:
    """A set of numbers that says whether it was changed here."""

    __slots__ = ("_numbers", "said")

    def __init__(self) -> None:
        self._numbers: set[str] = set()
        self.said = 0
        """How often somebody has said here that a number is on it, or is not. Such a word is true before it is read
        back."""

    def __contains__(self, number: object) -> bool:
        return number in self._numbers

    def __iter__(self) -> Iterator[str]:
        return iter(self._numbers)

    def add(self, number: str) -> None:
        """Put a number on it."""
        self._numbers.add(number)
        self.said += 1

    def discard(self, number: str) -> None:
        """Take a number from it, be it there or not."""
        self._numbers.discard(number)
        self.said += 1

    def restore(self, numbers: Iterable[str]) -> None:
        """Take the list as it is kept, in the place of what was known."""
        self._numbers = set(numbers)
