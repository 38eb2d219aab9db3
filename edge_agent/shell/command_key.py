"""The key that signs what the centre sends."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

_MIN_KEY_BYTES: Final = 32


class KeyFileError(ValueError):
    """The command key cannot be used; the message says why and names the file."""


def read_key(file: Path) -> bytes:
    """Return the command key of a file: 32 bytes or more, raw or in hex.

    Raises:
        KeyFileError: It cannot be read, or is too short.
    """
    try:
        data = file.read_bytes()[:4096]
    except OSError as error:
        raise KeyFileError(f"{file}: cannot be read: {error.strerror}") from error
    text = data.strip()
    if re.fullmatch(rb"(?:[0-9a-fA-F]{2})+", text) and len(text) >= 2 * _MIN_KEY_BYTES:
        return bytes.fromhex(text.decode("ascii"))
    if len(data) < _MIN_KEY_BYTES or re.fullmatch(rb"[0-9a-fA-F]+", text):
        raise KeyFileError(f"{file}: a command key has {_MIN_KEY_BYTES} bytes or more, raw or as hex digits")
    return data
