"""Memory that is kept: training frees and asks for the same large blocks at each step.

glibc gives each back to the system and gets it anew, page by page, which costs time at each step.
"""

from __future__ import annotations

import ctypes
import platform

__all__ = ["keep_memory"]

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3
LARGE = (1 << 31) - 1


def keep_memory() -> bool:
    """Let glibc keep what the process frees; returns whether it will. Call it before memory is used.

    The same as `MALLOC_TRIM_THRESHOLD_` and `MALLOC_MMAP_THRESHOLD_` in the environment.
    """
    if platform.libc_ver()[0] != "glibc":
        return False
    mallopt = ctypes.CDLL(None).mallopt
    return all([mallopt(M_TRIM_THRESHOLD, LARGE), mallopt(M_MMAP_THRESHOLD, LARGE)])
