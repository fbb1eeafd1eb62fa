"""TensorBoard's event files, read by TensorBoard itself."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from seedbench.errors import TrialSetError
from seedbench.trialset.importing.reading import CurveFile

EVENTS = "events.out.tfevents"


def require_tensorboard(path: Path) -> None:
    """Raises `TrialSetError` where nothing can read an event file."""
    try:
        import tensorboard.backend.event_processing.event_file_loader  # noqa: F401
    except ImportError:
        raise TrialSetError(f"{path}: event files are read by TensorBoard: pip install tensorboard") from None


def read_events(path: Path) -> CurveFile:
    """Every scalar of an event file, none sampled away, a row each; the run is the folder.

    Values are float32 there; each is taken for the shortest decimal number that float32 holds as that value, which is
    what was logged where it had seven digits or fewer.

    Raises:
        TrialSetError: it cannot be read, or TensorBoard is not installed.
    """
    require_tensorboard(path)
    from tensorboard.backend.event_processing.event_file_loader import EventFileLoader
    from tensorboard.util.tensor_util import make_ndarray

    logged: list[tuple[int, str, float]] = []
    try:
        for event in EventFileLoader(str(path)).Load():
            for value in event.summary.value:
                if not value.HasField("tensor"):
                    continue
                array = make_ndarray(value.tensor)
                if array.size == 1 and array.dtype.kind in "fiu":
                    logged.append((event.step, value.tag, float(str(array.ravel()[0]))))
    except Exception as error:  # whatever protobuf, the checksums or the disk have to say  # noqa: BLE001
        raise TrialSetError(f"{path}: not a readable event file ({' '.join(str(error).split())[:120]})") from None
    tags = tuple(dict.fromkeys(tag for _, tag, _ in logged))
    columns: dict[str, list[Any]] = {"step": [step for step, _, _ in logged]}
    columns |= {tag: [value if tag == name else None for _, name, value in logged] for tag in tags}
    places = [f"value {number}" for number in range(1, len(logged) + 1)]
    return CurveFile(
        path,
        columns,
        places,
        run=[path.resolve().parent.name] * len(logged),
        layout="events",
        step="step",
        metrics=tags,
    )
