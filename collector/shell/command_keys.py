"""The command keys of gateways, one file each; read again when a file changes."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

import structlog

MIN_KEY_BYTES: Final = 32
_log = structlog.get_logger("collector.commands")


class CommandKeys:
    """Reads `<gateway>.key` of a folder: 32 bytes or more, raw or in hex. Used by one thread."""

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder
        self._read: dict[str, tuple[tuple[int, int], bytes | None]] = {}

    def key(self, gateway: str) -> bytes | None:
        """Return a gateway's key; None: there is none that can be used, which the log says once."""
        if self._folder is None:
            return None
        file = self._folder / f"{gateway}.key"
        try:
            stat = file.stat()
            stamp = (stat.st_mtime_ns, stat.st_size)
            known = self._read.get(gateway)
            if known is not None and known[0] == stamp:
                return known[1]
            key = key_of(file.read_bytes()[:4096])
        except OSError as error:
            if not isinstance(error, FileNotFoundError):
                self._tell(gateway, str(error.strerror))
            return None
        if key is None:
            self._tell(gateway, f"a key has {MIN_KEY_BYTES} bytes or more, raw or as hex digits")
        self._read[gateway] = (stamp, key)
        return key

    def _tell(self, gateway: str, reason: str) -> None:
        _log.error("command key cannot be used", gateway=gateway, reason=reason)


def key_of(data: bytes) -> bytes | None:
    """Return the key that a file holds; None if it is too short."""
    text = data.strip()
    if re.fullmatch(rb"(?:[0-9a-fA-F]{2})+", text) and len(text) >= 2 * MIN_KEY_BYTES:
        return bytes.fromhex(text.decode("ascii"))
    if len(data) < MIN_KEY_BYTES or re.fullmatch(rb"[0-9a-fA-F]+", text):
        return None
    return data
