"""Anybody's curves as a trial set: `seedbench trials import FILE.csv|parquet OUT_DIR`.

There is no test set in such a trial set: `seedbench findings` and protocol dodge2020 work on it, held-out-2 says why it
does not.
"""

from seedbench.trialset.importing.convert import import_curves

__all__ = ["import_curves"]
