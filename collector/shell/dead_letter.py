"""Files for what cannot be stored: on the disk before it is confirmed, and never silently thrown away."""

from __future__ import annotations

import base64
import os
import threading
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

import orjson

from collector.core.token_bucket import TokenBucket

POISON_BYTES: Final = 8 * 1024 * 1024
POISON_SAMPLE_BYTES: Final = 4096
_POISON_PER_S: Final = 2.0
_POISON_BURST: Final = 60.0


class DeadLetterFullError(OSError):
    """The file has reached its bound: what was to be written is held, and somebody has to look."""


class DeadLetterFile:
    """JSON lines, one for each thing that the store will never take. Written by one thread.

    At its bound it refuses, since all in it was confirmed and stands nowhere else. Moving the file away makes room.
    """

    def __init__(self, file: Path, max_bytes: int) -> None:
        self._file = file
        self._max_bytes = max_bytes

    def append(self, entries: Iterable[dict[str, Any]]) -> None:
        """Write all entries or none; they are on the disk when this returns.

        Raises:
            DeadLetterFullError: There is no room for all of them.
            OSError: The disk refused.
        """
        data = b"".join(orjson.dumps(entry, default=str) + b"\n" for entry in entries)
        if not data:
            return
        is_new = not self._file.exists()
        descriptor = os.open(self._file, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o640)
        try:
            before = os.fstat(descriptor).st_size
            data = _after_torn_line(descriptor, before) + data
            if before + len(data) > self._max_bytes:
                raise DeadLetterFullError(f"{self._file}: {before} of {self._max_bytes} bytes are used; move it away")
            try:
                _write_all(descriptor, data)
                os.fsync(descriptor)
            except OSError:
                os.ftruncate(descriptor, before)
                raise
        finally:
            os.close(descriptor)
        if is_new:
            _sync_folder(self._file.parent)

    def size_bytes(self) -> int:
        """Return how large the file is."""
        try:
            return self._file.stat().st_size
        except OSError:
            return 0


class PoisonFile:
    """Samples of payloads that are no message, for whoever has to find their source.

    Nothing in it was confirmed, so the oldest may go: two files, of which the newer is written.
    """

    def __init__(self, file: Path) -> None:
        self._file = file
        self._bucket = TokenBucket(per_s=_POISON_PER_S, burst=_POISON_BURST)
        self._lock = threading.Lock()

    def park(self, *, topic: str, payload: bytes, kind: str, reason: str, at_ms: int) -> bool:
        """Keep the beginning of a payload; False if there are too many at present, or the disk refuses."""
        with self._lock:
            if not self._bucket.take(at_ms):
                return False
        line = orjson.dumps(
            {
                "at_ms": at_ms,
                "topic": topic[:1024],
                "kind": kind,
                "reason": reason,
                "bytes": len(payload),
                "payload_base64": base64.b64encode(payload[:POISON_SAMPLE_BYTES]).decode(),
            }
        )
        with self._lock:
            try:
                if self._file.exists() and self._file.stat().st_size + len(line) >= POISON_BYTES:
                    self._file.replace(self._file.with_suffix(".1.jsonl"))
                with self._file.open("ab") as file:
                    file.write(line + b"\n")
            except OSError:
                return False
        return True


def _after_torn_line(descriptor: int, size: int) -> bytes:
    """Return a line end if a power cut left half a line at the end."""
    if size and os.pread(descriptor, 1, size - 1) != b"\n":
        return b"\n"
    return b""


def _write_all(descriptor: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
