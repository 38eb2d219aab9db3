"""A Sensirion SPS30: started when it is found, asked for its newest value."""

from __future__ import annotations

import asyncio
from typing import Final

from config.loader import StrictModel
from contract.reading import Cause
from drivers.base import Line
from drivers.serial import sps30
from drivers.serial.exchanges import ShdlcExchange
from drivers.serial.families import Family, Sample
from drivers.serial.fields import RefusalError
from drivers.serial.texts import transient

NEW_VALUE_S: Final = 1.05
"""It has a new value each second."""


class Sps30Settings(StrictModel):
    """Settings of `protocol: sps30`: there are none."""


class Sps30(Family):
    """One SPS30 on a line of its own."""

    known = sps30.FIELDS
    patience_s = 2 * NEW_VALUE_S

    def __init__(self) -> None:
        self._start = ShdlcExchange(sps30.START_REQUEST, sps30.START)
        self._read = ShdlcExchange(sps30.READ_REQUEST, sps30.READ)

    async def prove(self, line: Line) -> None:
        """Make it measure; one that measures already refuses, which is as good."""
        try:
            await line.exchange(self._start)
        except RefusalError:
            return

    async def sample(self, line: Line, wanted: frozenset[str]) -> Sample:
        """Ask; twice more if it has nothing new. One that refuses has lost its supply meanwhile: start it again."""
        del wanted
        for _ in range(3):
            try:
                moment = await line.exchange(self._read)
            except RefusalError as error:
                await self.prove(line)
                raise error from None
            if self._read.fields:
                return Sample(self._read.fields, moment)
            await asyncio.sleep(NEW_VALUE_S)
        raise transient(Cause.TIMEOUT, "nothing_new")
