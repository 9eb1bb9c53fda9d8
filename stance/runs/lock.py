"""One process at a time writes an output, and what the system says when it may not."""

from __future__ import annotations

import os
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

from stance.errors import RunError

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["disk_errors", "output_lock"]


@contextmanager
def disk_errors(path: Path) -> Iterator[None]:
    """Turn the system's refusals to write into RunError that says what to do."""
    try:
        yield
    except OSError as error:
        raise RunError(
            f"{path}: cannot be written ({error.strerror or error}). Free some room or mend the permissions, then run "
            "the same command again: finished parts are kept. Or choose another output name."
        ) from error


@contextmanager
def output_lock(path: Path) -> Iterator[None]:
    """Hold the lock file, with this process's number in it. A lock left by a process that died is taken over.

    Raises:
        RunError: another process holds it.
    """
    descriptor = _locked(path)
    try:
        os.ftruncate(descriptor, 0)
        os.write(descriptor, f"{os.getpid()}\n".encode())
        yield
    finally:
        _release(descriptor, path)


def _release(descriptor: int, path: Path) -> None:
    """Delete the file while it is still locked, where the system can; Windows deletes no open file."""
    if sys.platform == "win32":
        os.close(descriptor)
        path.unlink(missing_ok=True)
    else:
        path.unlink(missing_ok=True)
        os.close(descriptor)


def _locked(path: Path) -> int:
    while True:
        with disk_errors(path):
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        if not _try_lock(descriptor):
            holder = os.read(descriptor, 32).decode("ascii", "replace").strip() or "unknown"
            os.close(descriptor)
            raise RunError(
                f"{path}: process {holder} is writing this output. Wait for it or stop it, or name another output."
            )
        if _is_at(descriptor, path):
            return descriptor
        os.close(descriptor)  # its holder deleted it between our opening and our locking


def _is_at(descriptor: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except FileNotFoundError:
        return False


def _try_lock(descriptor: int) -> bool:
    """The system's own lock: it ends with its process, so none can be left behind held."""
    try:
        if sys.platform == "win32":
            os.lseek(descriptor, 1 << 30, os.SEEK_SET)  # past the process number, which stays readable
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
            os.lseek(descriptor, 0, os.SEEK_SET)
        else:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):
        return False
    return True
