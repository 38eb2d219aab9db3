"""The schedule that the operator writes, and a copy of the last good one for when the file is broken."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

import structlog

from config.errors import ConfigErrors
from config.loader import load_document
from contract.lights import Calendar

COPY_NAME: Final = "schedule.last-good.yaml"
_log = structlog.get_logger("lighting")


class ScheduleFile:
    """Reads a gateway's schedule; a street must not go dark for a typing error, so the last good one goes on.

    Attributes:
        problem: Why the file is not used, its first finding; None while it is.
    """

    def __init__(self, file: Path, state_dir: Path) -> None:
        """Prepare.

        Args:
            file: What the operator writes.
            state_dir: Where the copy is kept.
        """
        self._file = file
        self._copy = state_dir / COPY_NAME
        self.problem: str | None = None

    def load(self) -> Calendar:
        """Return the file's schedule, or that of the copy while the file is wrong.

        Raises:
            ConfigErrors: The file is wrong, and there was no good one before.
        """
        try:
            schedule = load_document(self._file, Calendar)
        except ConfigErrors as error:
            try:
                schedule = load_document(self._copy, Calendar)
            except ConfigErrors:
                raise error from None
            self.problem = str(error.problems[0])
            return schedule
        self.problem = None
        self._keep()
        return schedule

    def _keep(self) -> None:
        try:
            text = self._file.read_bytes()
            if self._copy.is_file() and self._copy.read_bytes() == text:
                return
            self._copy.parent.mkdir(parents=True, exist_ok=True)
            fresh = self._copy.with_suffix(".new")
            with fresh.open("wb") as opened:
                opened.write(text)
                opened.flush()
                os.fsync(opened.fileno())
            fresh.replace(self._copy)
        except OSError as error:
            # A disk that fails darkens no street either: the file itself was read.
            _log.warning("schedule not kept", copy=str(self._copy), error=str(error))
