"""What becomes of every row that was read: it is used, or it is named in a note. Nothing leaves quietly."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from seedbench.text import counted


class Accounts:
    """The rows of a file.

    Args:
        place: of each row.
    """

    def __init__(self, place: Sequence[str]) -> None:
        self.place = place
        self.used: set[int] = set()
        self.left: set[int] = set()
        self.notes: list[str] = []

    def use(self, rows: Iterable[int]) -> None:
        """These rows are in the trial set."""
        self.used.update(rows)

    def leave(self, rows: Sequence[int], why: str) -> None:
        """These rows are left out, and it is said why."""
        if rows:
            self.left.update(rows)
            self.notes.append(f"{counted(len(rows), 'row')} left out (the first: {self.place[rows[0]]}): {why}")

    def close(self) -> None:
        """Every row was used or named, and none was both."""
        assert not self.used & self.left, "a row was used and left out"
        assert len(self.used) + len(self.left) == len(self.place), "a row was neither used nor left out"
