"""`python -m seedbench`: the same as the command `seedbench`."""

from seedbench.cli import main

main()
