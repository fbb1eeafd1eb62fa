"""The one exception of the runners that a user can cause: its text is one line, the command ends with exit code 2."""

from __future__ import annotations


class RunnerError(ValueError):
    """Anything a user can cause. The text says what is wrong, where, the value found, what to do."""
