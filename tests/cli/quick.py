"""What makes an evaluation quick, and files to give a command."""

from pathlib import Path

QUICK = ("--replicates", "4", "--processes", "1")


def write(text: str, name: str = "mine.py") -> str:
    Path(name).write_text(text)
    return name
