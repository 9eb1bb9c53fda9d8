"""Data to a machine that takes only small files, and folders back from it.

Parts of data hold token ids and word starts alone; the lexicon's words are found again on arrival. Each part can
be used without the others. Everything is packed with lzma, which every Python has.
"""

from __future__ import annotations

import hashlib
import io
import json
import lzma
import tarfile
from typing import TYPE_CHECKING

import numpy as np

from pretraining.data import Data, Flags, Ids
from pretraining.lexicon import write_words
from stance.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["join", "pack", "shard", "unpack"]

BLOCK = 1 << 21
"""Tokens compressed at a time."""

FILTERS = [{"id": lzma.FILTER_LZMA2, "preset": 6, "dict_size": 1 << 24, "lc": 0, "lp": 1, "pb": 1}]
"""Settings for 16-bit numbers."""

COMPANIONS = ("tokenizer.json", "lexicon.json", "lexvec.npy")
MB = 1_000_000
MIB = 1 << 20


def pack(data: Data, out: Path, *, part_mb: int = 60) -> list[Path]:
    """Write the data as `part-000.bin`, … of at most `part_mb` MB each, and `companions.tar.xz`; returns the files.

    Raises:
        InputError: the data are not prepared, or a block is larger than a part may be.
    """
    total = len(data.ids)
    out.mkdir(parents=True, exist_ok=True)
    for old in out.glob("part-*.bin"):
        old.unlink()
    companions = out / "companions.tar.xz"
    with tarfile.open(companions, "w:xz") as tar:
        for path in (data.folder / name for name in COMPANIONS):
            if path.exists():
                tar.add(path, path.name)
    files = [companions]
    size = 0
    for start in range(0, total, BLOCK):
        block = _compress(data.ids[start : start + BLOCK], data.starts[start : start + BLOCK])
        if len(block) > part_mb * MB:
            raise InputError(f"{data.folder}: expected --part-mb of at least {len(block) // MB + 1}, found {part_mb}.")
        size += len(block) + 12
        if len(files) == 1 or size > part_mb * MB:
            files.append(out / f"part-{len(files) - 1:03d}.bin")
            files[-1].write_bytes(b"")
            size = len(block) + 12
        with files[-1].open("ab") as file:
            file.write(start.to_bytes(8, "big") + len(block).to_bytes(4, "big") + block)
    return files


def unpack(parts: Path, out: Path, *, workers: int = 1) -> str:
    """Put the data together again from the parts that are there; returns what was found, in a line.

    Data made from the same parts are left as they are. `workers` processes find the lexicon's words again.

    Raises:
        InputError: there are no parts, or one is damaged.
    """
    companions, paths = parts / "companions.tar.xz", sorted(parts.glob("part-*.bin"))
    if not paths or not companions.exists():
        raise InputError(
            f"{parts}: expected part-*.bin and companions.tar.xz made by `pretrain.py pack`, found {len(paths)} parts "
            f"and {'the' if companions.exists() else 'no'} companions. Send what is missing."
        )
    record, found = out / "parts.json", json.dumps(_digests([companions, *paths]))
    if record.exists() and record.read_text(encoding="utf-8") == found:
        return f"{len(Data(out).ids)} tokens, unpacked before"
    record.unlink(missing_ok=True)
    blocks = sorted((block for path in paths for block in _read_part(path)), key=lambda block: block[0])
    data = Data(out)
    data.remove_lexicon()
    _extract(companions, out)
    np.save(out / "ids.npy", np.concatenate([ids for _, ids, _ in blocks]))
    np.save(out / "starts.npy", np.concatenate([starts for *_, starts in blocks]))
    if data.lexicon_path.exists():
        write_words(data, workers=workers)
    record.write_text(found, encoding="utf-8")
    return f"{len(data.ids)} tokens in {len(paths)} parts"


def shard(folder: Path, to: Path, *, mib: int = 16) -> list[Path]:
    """Cut a folder into files of at most `mib` MiB, and `shards.json` with their digest; returns the files."""
    to.mkdir(parents=True, exist_ok=True)
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:xz", preset=1) as tar:
        for path in sorted(folder.iterdir()):
            tar.add(path, path.name)
    packed = buffer.getvalue()
    files: list[Path] = []
    for start in range(0, len(packed), mib * MIB):
        files.append(to / f"shard-{len(files):03d}.bin")
        files[-1].write_bytes(packed[start : start + mib * MIB])
    about = {"files": [path.name for path in files], "sha256": hashlib.sha256(packed).hexdigest()}
    (to / "shards.json").write_text(json.dumps(about) + "\n", encoding="utf-8")
    return [*files, to / "shards.json"]


def join(shards: Path, to: Path) -> None:
    """Make the folder again from its shards.

    Raises:
        InputError: a shard is missing or damaged.
    """
    try:
        about = json.loads((shards / "shards.json").read_text(encoding="utf-8"))
        packed = b"".join((shards / name).read_bytes() for name in about["files"])
    except (OSError, ValueError, KeyError) as error:
        raise InputError(f"{shards}: expected the files of `pretrain.py shards`; {error}. Fetch them again.") from error
    if (found := hashlib.sha256(packed).hexdigest()) != about["sha256"]:
        raise InputError(f"{shards}: expected shards with digest {about['sha256']}, found {found}. Fetch them again.")
    to.mkdir(parents=True, exist_ok=True)
    with tarfile.open(fileobj=io.BytesIO(packed), mode="r:xz") as tar:
        tar.extractall(to, filter="data")


def _compress(ids: Ids, starts: Flags) -> bytes:
    """Ids, then starts as bits, in one stream; 4 bytes before it say how many tokens."""
    raw = ids.astype("<u2").tobytes() + np.packbits(starts).tobytes()
    return len(ids).to_bytes(4, "big") + lzma.compress(raw, lzma.FORMAT_XZ, filters=FILTERS)


def _digests(paths: list[Path]) -> dict[str, str]:
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in paths}


def _extract(archive: Path, out: Path) -> None:
    out.mkdir(parents=True, exist_ok=True)
    try:
        with tarfile.open(archive, "r:xz") as tar:
            tar.extractall(out, filter="data")
    except (lzma.LZMAError, tarfile.TarError, EOFError) as error:
        raise InputError(f"{archive}: expected a file of `pretrain.py pack`; {error}. Copy it again.") from error


def _read_part(path: Path) -> list[tuple[int, Ids, Flags]]:
    """Where each block of a part begins in the corpus, its ids and its word starts."""
    try:
        return [(start, *_decompress(block)) for start, block in _blocks(path)]
    except (lzma.LZMAError, ValueError) as error:
        raise InputError(f"{path}: expected a part of `pretrain.py pack`; {error}. Copy the part again.") from error


def _decompress(block: bytes) -> tuple[Ids, Flags]:
    count = int.from_bytes(block[:4], "big")
    raw = lzma.decompress(block[4:])
    if len(raw) != 2 * count + (count + 7) // 8:
        raise ValueError(f"{count} tokens in {len(raw)} bytes")
    ids = np.frombuffer(raw, "<u2", count).astype(np.uint16)
    starts = np.unpackbits(np.frombuffer(raw, np.uint8, offset=2 * count), count=count).astype(np.bool_)
    return ids, starts


def _blocks(path: Path) -> Iterator[tuple[int, bytes]]:
    """The blocks of a part, each with the place of its first token in the corpus."""
    packed = path.read_bytes()
    place = 0
    while place < len(packed):
        start = int.from_bytes(packed[place : place + 8], "big")
        size = int.from_bytes(packed[place + 8 : place + 12], "big")
        place += 12 + size
        if place > len(packed):
            raise InputError(f"{path}: expected {place} bytes or more, found {len(packed)}. Copy the part again.")
        yield start, packed[place - size : place]
