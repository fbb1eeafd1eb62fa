"""A board of fifteen rules, and one of fifteen that are equal in truth; all replicates of a rule at once."""

from __future__ import annotations

import numpy as np

from seedbench.influences import Campaigns, Seen, seen
from tests.simulations.worlds import Hidden, World

#: In the order of `board`. The first five: best-of-n, and what differs from it by luck alone.
RULES = (
    "best of n",
    "equal: next n",
    "equal: odd places",
    "equal: far",
    "double n",
    "half n",
    "one trial",
    "early best",
    "start 2.5",
    "start 5",
    "start 11.5",
    "halving",
    "good rows",
    "good columns",
    "stop when good",
)
#: Rules whose difference to best-of-n is 0 in truth.
NULL = (0, 1, 2, 3)


class Replayed:
    """One world's replicates, and what rules do on them."""

    def __init__(self, world: World, hidden: Hidden) -> None:
        self.world, self.hidden = world, hidden
        self.replicates = np.arange(len(hidden.order))
        self.seen_cells: dict[bytes, tuple[Seen, Seen]] = {}

    def board(self, budget: int) -> list[Campaigns]:
        """A campaign of every rule of `RULES`."""
        world, order, b = self.world, self.hidden.order, budget
        early, middle = world.early, world.middle
        halved = self.top(self.top(order[:, : 4 * b], early, b), middle, max(1, b // 2))
        found = [
            self.best(order[:, :b], order[:, :b]),
            self.best(order[:, b : 2 * b], order[:, b : 2 * b]),
            self.best(order[:, 1 : 2 * b : 2], order[:, 1 : 2 * b : 2]),
            self.best(order[:, 3 * b : 4 * b], order[:, 3 * b : 4 * b]),
            self.best(order[:, : 2 * b], order[:, : 2 * b]),
            self.best(order[:, : b // 2], order[:, : b // 2]),
            self.best(order[:, :1], order[:, :1]),
            self.best(self.top(order[:, :b], early, 1), order[:, :b]),
            self.start_many(5 * b // 2, max(1, 3 * b // 4)),
            self.start_many(5 * b, max(1, b // 2)),
            self.start_many(23 * b // 2, max(1, b // 4)),
            self.best(halved, order[:, : 4 * b]),
        ]
        if world.columns > 1:
            found += [self.good_seeds(b, by_rows=True), self.good_seeds(b, by_rows=False)]
        else:  # nothing to ask for by label
            found += [self.start_many(3 * b, max(1, b // 2)), self.start_many(2 * b, max(1, b // 4))]
        return [*found, self.stop_when_good(b)]

    def equals(self, budget: int) -> list[Campaigns]:
        """Fifteen rules that take n of the first 4n places of the order: best-of-n, all of them."""
        places = np.random.default_rng(budget)
        longest = min(4 * budget, self.hidden.order.shape[1])
        found = []
        for _ in range(len(RULES)):
            cells = self.hidden.order[:, np.sort(places.permutation(longest)[:budget])]
            found.append(self.best(cells, cells))
        return found

    def best(self, cells: np.ndarray, started: np.ndarray) -> Campaigns:
        """Cells [P, k] -> the best of them, having started others too."""
        kept = cells[self.replicates, self.world.validation[cells].argmax(axis=1)]
        return Campaigns(self.world.test[kept], *self.seen(started))

    def seen(self, started: np.ndarray) -> tuple[Seen, Seen]:
        key = started.tobytes()
        if key not in self.seen_cells:
            self.seen_cells[key] = (
                self.mask(started // self.world.columns, self.world.rows),
                self.mask(started % self.world.columns, self.world.columns),
            )
        return self.seen_cells[key]

    def mask(self, seed: np.ndarray, seeds: int) -> Seen:
        found = np.zeros((len(seed), seeds), dtype=bool)
        np.put_along_axis(found, seed, True, axis=1)
        return seen(found)

    def top(self, cells: np.ndarray, values: np.ndarray, k: int) -> np.ndarray:
        """The k best of cells [P, m] by values of all cells -> [P, k]."""
        k = min(k, cells.shape[1])
        places = np.argpartition(-values[cells], k - 1, axis=1)[:, :k]
        return np.take_along_axis(cells, places, axis=1)

    def start_many(self, started: int, continued: int) -> Campaigns:
        """Starts some, as many as the pool has at most, and finishes those that look best early."""
        cells = self.hidden.order[:, :started]
        return self.best(self.top(cells, self.world.early, continued), cells)

    def good_seeds(self, budget: int, *, by_rows: bool) -> Campaigns:
        """Two trials in each of n/4 rows (one in each of two, at 4), the rest of the budget in the best, by label."""
        world, own, other = self.world, self.hidden.rows, self.hidden.columns
        if not by_rows:
            own, other = other, own
        number, each = (2, 1) if budget == 4 else (budget // 4, 2)
        first, second = own[:, :number, None], other[:, None, :]
        cells = first * world.columns + second if by_rows else second * world.columns + first
        values = world.validation[cells]
        finite = np.isfinite(values[..., :each])
        means = np.where(finite, values[..., :each], 0).sum(axis=2) / np.maximum(finite.sum(axis=2), 1)
        rank = np.argsort(np.argsort(-np.where(finite.any(axis=2), means, -np.inf), axis=1), axis=1)
        # The best row takes what it can hold, the next the rest.
        left, room = budget - number * each, cells.shape[2] - each
        more = np.clip(left - rank * room, 0, room)
        asked = np.arange(cells.shape[2]) < (each + more)[..., None]
        kept = np.where(asked, values, -np.inf).reshape(len(cells), -1).argmax(axis=1)
        # To count more as seen than was asked for is valid: all that the best could have been asked for.
        widest = cells[:, :, : each + min(left, room)].reshape(len(cells), -1)
        flat = cells.reshape(len(cells), -1)
        return Campaigns(world.test[flat[self.replicates, kept]], *self.seen(widest))

    def stop_when_good(self, budget: int) -> Campaigns:
        """Best-of-n that ends with the first trial that beats all of the first half."""
        cells = self.hidden.order[:, :budget]
        values = self.world.validation[cells]
        half = budget // 2
        good = values > values[:, :half].max(axis=1, keepdims=True)
        started = np.cumsum(good, axis=1) - good == 0
        kept = cells[self.replicates, np.where(started, values, -np.inf).argmax(axis=1)]
        # Where it has ended, its first trial stands for those that it did not start.
        return Campaigns(self.world.test[kept], *self.seen(np.where(started, cells, cells[:, :1])))
