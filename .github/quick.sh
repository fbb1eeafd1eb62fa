#!/usr/bin/env bash
# The loop while you write: lint, types, and the tests that a change is nearest to, those of changed files and of
# modules by their names. About half a minute. Arguments go to pytest.
set -euo pipefail
cd "$(dirname "$0")/.."

ruff check .
ruff format --check .
mypy

changed=$(git diff --name-only --diff-filter=d HEAD; git ls-files --others --exclude-standard)
tests=()
for path in $changed; do
    case "$path" in
        tests/*test_*.py) tests+=("$path") ;;
        *.py)
            name=$(basename "$path" .py)
            while IFS= read -r found; do tests+=("$found"); done < <(git ls-files -co --exclude-standard "tests/**test_$name*.py")
            ;;
    esac
done
[ ${#tests[@]} = 0 ] && tests=(tests/test_metrics.py tests/campaign)
printf '%s\n' "${tests[@]}" | sort -u | xargs pytest -q -x -n auto "$@"
