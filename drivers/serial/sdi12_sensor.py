"""An SDI-12 sensor: measurements by command, with the standard's retries, several sensors on one line."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from dataclasses import replace
from typing import Annotated, Final, TypeVar
from weakref import WeakKeyDictionary

from pydantic import Field

from config.loader import StrictModel
from contract.reading import Cause
from drivers.base import Clock, Line, Moment
from drivers.errors import DriverError, Fault, LineDownError, TransientError
from drivers.serial import sdi12
from drivers.serial.exchanges import Sdi12Exchange, ServiceRequestExchange
from drivers.serial.families import Family, Sample
from drivers.serial.fields import Fields
from drivers.serial.sdi12 import Announced, Identity, Measurement
from drivers.serial.texts import frame_error, transient, unsupported

BREAKS: Final = 3
"""How often a command is begun anew with a break."""
TRIES_A_BREAK: Final = 3
"""How often it is sent after one break; the numbers are from memory of SDI-12 1.3 §7.2 [U]."""
LATE_S: Final = 0.1
"""After an answer that took more than one try: an answer to an earlier try may still come, and is thrown away."""

_FIELD: Final = re.compile(r"(M[1-9]?|C[1-9]?|V|R[0-9])\.([1-9][0-9]?)$")
_TURNS: WeakKeyDictionary[Line, asyncio.Lock] = WeakKeyDictionary()
Answer = TypeVar("Answer")
Values = tuple[float | Cause, ...]


class Sdi12Settings(StrictModel):
    """Settings of `protocol: sdi12`.

    Attributes:
        crc: Ask for values with CRC; a sensor older than version 1.3 of the standard has none.
        values: How many values the first measurement must announce; another number is another variant. Any if not set.
        identity: What vendor and model must begin with, as `aI!` gives them with blanks squeezed: "VEGA PSC".
        status: The field that is 0 while all is well, such as C.5; anything else in it makes the others BAD.
        max_wait_s: A sensor that wants more time than this for a measurement is refused, in seconds.
    """

    crc: bool = True
    values: Annotated[int, Field(ge=1, le=99)] | None = None
    identity: Annotated[str, Field(max_length=32)] = ""
    status: Annotated[str, Field(max_length=8)] = ""
    max_wait_s: Annotated[float, Field(ge=0, le=sdi12.MAX_WAIT_S)] = 60.0


def split_field(name: str) -> tuple[str, int]:
    """Return measurement and place of a field such as C.1 or M2.3; places count from 1.

    Raises:
        ValueError: It is none.
    """
    found = _FIELD.match(name)
    if found is None:
        raise ValueError(f"'{name}' is no SDI-12 field: M.1 to M9.9, C.1 to C9.99, V.1, R0.1 to R9.9")
    return found[1], int(found[2])


def line_turn(line: Line) -> asyncio.Lock:
    """Return what a sensor holds from aM! to its last value: a break for another would end its measurement."""
    return _TURNS.setdefault(line, asyncio.Lock())


class Sdi12Sensor(Family):
    """One sensor of a line."""

    def __init__(self, settings: Sdi12Settings, address: str, clock: Clock, measurements: int = 1) -> None:
        if settings.status:
            split_field(settings.status)
        self._settings = settings
        self._address = sdi12.check_address(address)
        self._clock = clock
        self._identity: Identity | None = None
        self._busy = asyncio.Lock()
        # One measurement after another, each with the retries of its commands.
        self.patience_s = measurements * (settings.max_wait_s + 10.0)

    def check_field(self, name: str) -> None:
        """Refuse what is no field of SDI-12."""
        split_field(name)

    async def sample(self, line: Line, wanted: frozenset[str]) -> Sample:
        """Take the measurements that the wanted fields stand in, one after another.

        Who asks while another has the sensor measure waits: any command to it would end that measurement.
        """
        fields: Fields = {}
        moment: Moment | None = None
        async with self._busy:
            for name in sorted({split_field(field)[0] for field in wanted}):
                measurement = Measurement(name, self._settings.crc)
                values, moment = await self._measured(line, measurement)
                fields |= {f"{name}.{place}": value for place, value in enumerate(values, start=1)}
        if moment is None:
            raise unsupported("no_points")
        status = self._settings.status
        if fields.get(status, 0.0) != 0.0:
            fields = {name: value if name == status else Cause.DEVICE for name, value in fields.items()}
        return Sample(fields, moment)

    async def _measured(self, line: Line, measurement: Measurement) -> tuple[Values, Moment]:
        turn = line_turn(line)
        if measurement.is_continuous:
            async with turn:
                return await self._ask(line, measurement.command(self._address), self._parser(measurement))
        async with turn:
            said, begun, requested = await self._begin(line, measurement)
            if not measurement.is_concurrent:
                if said.wait_s and not requested:
                    await line.exchange(ServiceRequestExchange(self._address, said.wait_s))
                return await self._data(line, measurement, said)
        # The line is free for other sensors meanwhile.
        await asyncio.sleep(max(0.0, said.wait_s - (self._clock.monotonic_ms() - begun.monotonic_ms) / 1000))
        async with turn:
            return await self._data(line, measurement, said)

    async def _begin(self, line: Line, measurement: Measurement) -> tuple[Announced, Moment, bool]:
        """Make it measure; what it announces is checked, twice before it is held against the sensor."""
        exchange = Sdi12Exchange(
            measurement.command(self._address),
            self._address,
            lambda body: sdi12.announced(body, concurrent=measurement.is_concurrent),
        )
        wrong: DriverError | None = None
        for _ in range(2):
            moment = await carry(line, exchange)
            said = exchange.found
            assert said is not None  # noqa: S101 - an exchange that ends well has found something
            before, wrong = wrong, self._wrong(said, measurement)
            if wrong is None:
                return said, moment, exchange.service_requested
            if str(wrong) == str(before):
                raise wrong
        assert wrong is not None  # noqa: S101 - it would have returned
        raise TransientError(str(wrong), Cause.PROTOCOL, vi=wrong.vi)

    def _wrong(self, said: Announced, measurement: Measurement) -> DriverError | None:
        where = {"address": self._address, "name": measurement.name}
        wanted, limit_s = self._settings.values, self._settings.max_wait_s
        if not said.values:
            return unsupported("no_measurement", **where)
        if wanted not in (None, said.values):
            return unsupported("other_variant", **where, found=said.values, wanted=wanted)
        if said.wait_s > limit_s:
            return transient(Cause.PROTOCOL, "too_slow", **where, found=said.wait_s, wanted=limit_s)
        return None

    async def _data(self, line: Line, measurement: Measurement, said: Announced) -> tuple[Values, Moment]:
        """Fetch values until all that were announced are there; a sensor without any has given the measurement up."""
        values: tuple[float, ...] = ()
        for number in range(sdi12.DATA_COMMANDS):
            command = sdi12.data_command(self._address, number)
            more, moment = await self._ask(line, command, self._parser(measurement))
            values += more
            if not more or len(values) >= said.values:
                break
        if not values:
            return (Cause.DEVICE,) * said.values, moment
        if len(values) != said.values:
            raise frame_error(Fault.WRONG_LENGTH, "values_missing", found=len(values), wanted=said.values)
        return values, moment

    def _parser(self, measurement: Measurement) -> Callable[[bytes], tuple[float, ...]]:
        return lambda body: sdi12.values_of(body, crc=measurement.data_has_crc, address=self._address)

    async def _ask(self, line: Line, command: bytes, parse: Callable[[bytes], Answer]) -> tuple[Answer, Moment]:
        exchange = Sdi12Exchange(command, self._address, parse)
        moment = await carry(line, exchange)
        assert exchange.found is not None  # noqa: S101 - an exchange that ends well has found something
        return exchange.found, moment

    async def prove(self, line: Line) -> None:
        """Ask who it is, if the profile says who it must be; twice before an answer, which has no CRC, counts."""
        wanted = self._settings.identity
        said: list[str] = []
        while wanted and not (said and said[-1].startswith(wanted)):
            if said[-2:-1] == said[-1:] != []:
                raise unsupported("other_make", wanted=wanted, found=said[-1])
            if len(said) >= BREAKS:
                raise transient(Cause.CRC, "no_identity")
            async with self._busy, line_turn(line):
                found = await identify(line, self._address)
            said.append(" ".join(f"{found.vendor} {found.model}".split()))


async def carry(line: Line, exchange: Sdi12Exchange[Answer]) -> Moment:
    """Send a command until it is answered: three times after a break, with three breaks.

    Raises:
        DriverError: The last try's; LineDownError at once.
    """
    failure: DriverError | None = None
    woken = exchange.manners
    awake = replace(woken, wake=None)
    for attempt in range(BREAKS * TRIES_A_BREAK):
        exchange.manners = awake if attempt % TRIES_A_BREAK else woken
        try:
            moment = await line.exchange(exchange)
        except LineDownError:
            raise
        except DriverError as error:
            failure = error
            continue
        finally:
            exchange.manners = woken
        if attempt:
            await asyncio.sleep(LATE_S)
        return moment
    assert failure is not None  # noqa: S101 - every try ends in one or the other
    raise failure


async def identify(line: Line, address: str) -> Identity:
    """Return who answers to an address."""
    exchange = Sdi12Exchange(sdi12.identify_command(address), address, sdi12.identity_of)
    await carry(line, exchange)
    assert exchange.found is not None  # noqa: S101 - an exchange that ends well has found something
    return exchange.found


async def find_address(line: Line) -> str:
    """Return the address of the only sensor on a line."""
    exchange = Sdi12Exchange(sdi12.ADDRESS_QUERY, "?", _nothing)
    await carry(line, exchange)
    return sdi12.check_address(exchange.line.decode("ascii"))


async def change_address(line: Line, address: str, wanted: str) -> None:
    """Give a sensor another address; it answers with the new one.

    Raises:
        ValueError: One of them is no address.
        DriverError: It does not answer so.
    """
    command = sdi12.change_address_command(sdi12.check_address(address), sdi12.check_address(wanted))
    await carry(line, Sdi12Exchange(command, wanted, _nothing))


def _nothing(body: bytes) -> bytes:
    if body:
        raise frame_error(Fault.WRONG_LENGTH, "address_alone")
    return body
