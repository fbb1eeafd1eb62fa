#!/usr/bin/env bash
# The loop while you write: lint, types, and the tests that a change is nearest to: those of changed files, of modules by
# their names, or of the folder that has a changed module's tests. About half a minute. Arguments go to pytest.
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
            found=$(git ls-files -co --exclude-standard "tests/**test_$name*.py")
            folder=$(dirname "tests/${path#seedbench/}")
            if [ -n "$found" ]; then
                tests+=($found)
            elif [ -d "$folder" ] && [[ ! $folder =~ ^tests(/runners|/leaderboard)?$ ]]; then  # those take minutes
                tests+=("$folder")
            else
                echo "no test is named after $path: run those of what it changes" >&2
            fi
            ;;
    esac
done
[ ${#tests[@]} = 0 ] && tests=(tests/test_metrics.py tests/campaign)
printf '%s\n' "${tests[@]}" | sort -u | xargs pytest -q -x -n auto "$@"
