"""Anybody's curves as a trial set: `seedbench trials import FILE.csv|parquet OUT_DIR`.

There are no predictions in such a trial set, so what needs halves of the dev set cannot be had: `seedbench findings`
and protocol dodge2020 work on it, held-out-1 says why not.
"""

from seedbench.trialset.importing.convert import import_curves

__all__ = ["import_curves"]
