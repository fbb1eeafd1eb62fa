"""Whether this process may take the address space that the libraries need which read trial sets and compute."""

from __future__ import annotations

from seedbench.errors import SeedbenchError

#: Bytes of address space: on two cores, they were seen to do with less than this, and not with three quarters of it.
LEAST = 10**9


def require_room() -> None:
    """Looks at the limit on this process's address space, before there is anything to read or to compute.

    Raises:
        SeedbenchError: it is less than `LEAST`. Where Arrow finds no memory the process may end without a word, and
            where SciPy's OpenBLAS finds none it goes on looking without end.
    """
    limit = _address_space()
    if limit is not None and limit < LEAST:
        raise SeedbenchError(
            f"the address space of this process is limited to {limit / 1e6:,.0f} MB (ulimit -v), and the libraries "
            f"that read and compute need {LEAST / 1e6:,.0f} MB: raise the limit, or limit memory in another way "
            "(ulimit -d, a control group)"
        )


def _address_space() -> int | None:
    """The limit in bytes; None: there is none, or this system has none."""
    try:
        from resource import RLIM_INFINITY, RLIMIT_AS, getrlimit
    except ImportError:  # Windows
        return None
    limit, _ = getrlimit(RLIMIT_AS)
    return None if limit == RLIM_INFINITY else limit
