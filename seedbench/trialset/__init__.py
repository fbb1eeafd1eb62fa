"""Trial sets: a folder or a Hub dataset repo <-> arrays, one `TrialTable` per model × task × recipe.

`load_trials` reads and checks one, `validate_folder` checks all there is to check, `write_trials` writes one,
`add_trials` puts newly run trials into one.
"""

from seedbench.trialset.arrays import LARGEST_SCORE, SCORE_NAME
from seedbench.trialset.files import MANIFEST, Manifest, ManifestFile, read_folder, read_manifest, read_split
from seedbench.trialset.identity import TrialsIdentity
from seedbench.trialset.load import BUNDLED, TrialSet, load_trials, resolve_trials
from seedbench.trialset.merge import add_trials
from seedbench.trialset.reproduced import Reproduction, TableDrawnFrom, TrainedAgain, read_reproductions
from seedbench.trialset.resampled import ExamplesError
from seedbench.trialset.sanity import curve_words, diverged_words, ended_words, seeds_words
from seedbench.trialset.schema import as_measured
from seedbench.trialset.selection import Selection, SelectionKeywords, ending_in, refuse_unknown, whole_number
from seedbench.trialset.table import TrialTable, majority_score_of
from seedbench.trialset.validate import validate_folder
from seedbench.trialset.write import to_arrow, write_trials

__all__ = [
    "BUNDLED",
    "ExamplesError",
    "LARGEST_SCORE",
    "MANIFEST",
    "Manifest",
    "ManifestFile",
    "Reproduction",
    "SCORE_NAME",
    "Selection",
    "SelectionKeywords",
    "TableDrawnFrom",
    "TrainedAgain",
    "TrialSet",
    "TrialTable",
    "TrialsIdentity",
    "add_trials",
    "as_measured",
    "curve_words",
    "diverged_words",
    "ending_in",
    "ended_words",
    "files",
    "hub",
    "importing",
    "load_trials",
    "majority_score_of",
    "publish",
    "read_folder",
    "read_manifest",
    "read_reproductions",
    "read_split",
    "refuse_unknown",
    "resolve_trials",
    "rows",
    "schema",
    "seeds_words",
    "to_arrow",
    "validate_folder",
    "versions",
    "whole_number",
    "write_trials",
]
