"""A generator as a command, so that it is paused, moved and run beside others as any command is.

`python -m seedbench.live FILE NAME WEIGHT_INIT_SEED DATA_ORDER_SEED FOLDER` runs the training that a file binds to a
name to its end, and writes what it measures to its folder.
"""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

from seedbench.live.contract import Run
from seedbench.live.lines import Lines, write_line


def main(file: str, name: str, weight_init_seed: str, data_order_seed: str, folder: str) -> None:
    """Runs a training to its end."""
    spec = importlib.util.spec_from_file_location(Path(file).stem, file)
    assert spec is not None and spec.loader is not None  # a .py file has both
    module = sys.modules[Path(file).stem] = importlib.util.module_from_spec(spec)
    sys.path.append(str(Path(file).parent))
    spec.loader.exec_module(module)
    lines = Lines(Path(folder))
    lines.read()
    run = Run(int(weight_init_seed), int(data_order_seed), Path(folder), lines.last)
    for measured in getattr(module, name)(run):
        write_line(run.folder, measured)


if __name__ == "__main__":
    main(*sys.argv[1:])
