#!/usr/bin/env bash
# An installed seedbench, away from the checkout: smoke.sh FOLDER_OF_ITS_COMMANDS
set -euo pipefail
commands=$1
cd "$(mktemp -d)"
"$commands/seedbench" --version
"$commands/seedbench" evaluate --help > /dev/null
"$commands/seedbench" new my_strategy.py
"$commands/seedbench" evaluate my_strategy.py --replicates 20 --json result.json
"$commands/seedbench" findings > findings.txt
"$commands/seedbench" trials --validate
test -s result.json && test -s findings.txt
