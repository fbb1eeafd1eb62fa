"""CUDA graphs: what a function launched is replayed in one go, since launching costs more than small kernels take."""

from __future__ import annotations

from collections.abc import Callable, Hashable

import torch
from torch import Tensor


class Graphs:
    """Runs functions; on CUDA the first call with a key runs as it is, the second is captured, from then on replayed.

    A function must launch the same work on the same memory at every call with a key, but for what is in its arguments,
    and leave its results in tensors that outlive it.

    Args:
        device: on a CPU every call runs as it is.
    """

    def __init__(self, device: torch.device) -> None:
        self.on_cuda = device.type == "cuda"
        self._pool = torch.cuda.graph_pool_handle() if self.on_cuda else None
        self._seen: set[Hashable] = set()
        self._captured: dict[Hashable, tuple[torch.cuda.CUDAGraph, tuple[Tensor, ...]]] = {}

    def run(self, key: Hashable, function: Callable[..., None], *arguments: Tensor) -> None:
        """``function(*arguments)``; ``key`` says which function it is, and of which shapes its arguments are."""
        if not self.on_cuda or key not in self._seen:
            self._seen.add(key)  # the first call also compiles kernels, which a capture cannot
            function(*arguments)
            return
        if key not in self._captured:
            self._captured[key] = self._capture(function, arguments)
        graph, places = self._captured[key]
        for place, argument in zip(places, arguments, strict=True):
            place.copy_(argument)
        graph.replay()

    def _capture(
        self, function: Callable[..., None], arguments: tuple[Tensor, ...]
    ) -> tuple[torch.cuda.CUDAGraph, tuple[Tensor, ...]]:
        graph, places = torch.cuda.CUDAGraph(), tuple(argument.clone() for argument in arguments)
        # Another thread copies the next batches to the device meanwhile, which must not end the capture.
        with torch.cuda.graph(graph, pool=self._pool, capture_error_mode="thread_local"):
            function(*places)
        return graph, places
