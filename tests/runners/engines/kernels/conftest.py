"""What is here runs in Triton's interpreter, on the CPU (``tests/conftest.py``)."""

from __future__ import annotations

import pytest

pytest.importorskip("triton", reason="the kernels need triton")
