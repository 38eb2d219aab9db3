"""Small files that are replaced whole, so that a power cut leaves the old content or the new one."""

from __future__ import annotations

import os
from pathlib import Path


def replace_whole(file: Path, text: str) -> None:
    """Put a text on the disk, for certain, in place of what the file held.

    Raises:
        OSError: The disk refuses.
    """
    fresh = file.with_suffix(".part")
    file.parent.mkdir(parents=True, exist_ok=True)
    with fresh.open("w", encoding="utf-8") as opened:
        opened.write(text)
        opened.flush()
        os.fsync(opened.fileno())
    fresh.replace(file)
    folder = os.open(file.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
