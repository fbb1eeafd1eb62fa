"""The runners, run from a checkout: they fine-tune on seed grids and log everything."""

import sys

if sys.argv[:1] == ["-m"]:  # one of them is starting
    from seedbench.commands import require_group

    _TRAINING = ("torch", "transformers")
    require_group(
        "runners",
        {
            **{f"runners.{name}": _TRAINING for name in ("card", "live", "on_paper", "plan", "reproduce", "sweep")},
            "runners.cluster": ("submitit", *_TRAINING),
        },
    )
