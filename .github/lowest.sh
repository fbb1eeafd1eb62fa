#!/usr/bin/env bash
# The oldest versions that pyproject.toml allows for the core and the extras `optuna` and `html`: installed by uv, tried.
set -euo pipefail
cd "$(dirname "$0")/.."
folder=$(mktemp -d)
uv venv --quiet --python 3.11 "$folder/venv"
export VIRTUAL_ENV=$folder/venv
uv pip install --quiet --resolution lowest-direct '.[optuna,html]'
.github/smoke.sh "$folder/venv/bin"
cd "$folder"
cat > tpe.py <<'PYTHON'
from optuna.pruners import MedianPruner

from seedbench.adapters import from_pruner

strategy = from_pruner(MedianPruner())
PYTHON
venv/bin/seedbench evaluate tpe.py --replicates 5
venv/bin/seedbench findings --html findings.html > /dev/null
test -s findings.html
