"""Anybody's curves as a trial set: `seedbench trials import`.

`sources` and what it asks (`reading`, `layouts`, `events`, `databases`) make rows of whatever is there, one a trial
and logged step; `naming` says which trial a row is of, `measures` which column is what, `units` what it is counted in;
`rows` are those of one table, of which `checkpoints`, `common_steps` and `trials` make trials; `accounts` sees to it
that none leaves quietly. `public` knows sets that others published.

There are no predictions in such a trial set. Protocol dodge2020 works on it; those that report a test score do where
the curves have one.
"""

from seedbench.trialset.importing.convert import Imported, import_curves, import_public
from seedbench.trialset.importing.options import FIELDS, LAYOUTS, ImportOptions
from seedbench.trialset.importing.public import PUBLIC_SETS, PublicSet

__all__ = [
    "FIELDS",
    "LAYOUTS",
    "PUBLIC_SETS",
    "ImportOptions",
    "Imported",
    "PublicSet",
    "import_curves",
    "import_public",
]
