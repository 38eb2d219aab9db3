"""How each family of instruments is asked or listened to: its settings, its fields, one sample of it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Annotated, ClassVar, Final, Literal, TypeVar

from pydantic import Field, ValidationError

from config.loader import StrictModel
from config.profile import InstrumentProfile
from contract.reading import Cause
from drivers.base import Clock, Line, Moment
from drivers.serial import nmea0183, plantower, sds011, winsen, wxt530
from drivers.serial.exchanges import AskExchange, ListenExchange, SendExchange
from drivers.serial.fields import Fields
from drivers.serial.framing import BinaryScanner, LineScanner

MODE_PAUSE_US: Final = 300_000
"""How long a change of mode may make a sensor talk; its answer, if there is one, is not in our sources."""

Period = Annotated[float, Field(gt=0, le=3600)]
Settings = TypeVar("Settings", bound=StrictModel)


@dataclass(frozen=True, slots=True)
class Sample:
    """What an instrument said.

    Attributes:
        fields: By name.
        moment: When its last byte came.
        absent: Why a field that is not there has no value; None if it may come with the next sample.
    """

    fields: Fields
    moment: Moment
    absent: Cause | None = Cause.UNSUPPORTED


class Family(ABC):
    """One instrument on a line, by the manner of its family.

    Attributes:
        patience_s: How long one sample may keep its caller waiting beside the line's own time-outs, in seconds.
        talks: Whether it talks by itself: then nothing else can be on its line.
    """

    known: ClassVar[frozenset[str]] = frozenset()
    patience_s: float = 0.0
    talks: bool = False

    def check_field(self, name: str) -> None:
        """Refuse a field that no frame of the family has.

        Raises:
            ValueError: The message names those there are.
        """
        if name not in self.known:
            raise ValueError(f"no field '{name}'; there are {', '.join(sorted(self.known))}")

    @abstractmethod
    async def sample(self, line: Line, wanted: frozenset[str]) -> Sample:
        """Ask, or listen, until the wanted fields are there.

        Raises:
            DriverError: Nothing usable came.
        """

    async def prove(self, line: Line) -> None:  # noqa: B027 - what talks or answers at once needs no more
        """Make it measure, and prove its type as far as it can be asked.

        Raises:
            UnsupportedError: It is another instrument.
            DriverError: It does not answer.
        """


def settings_of(profile: InstrumentProfile, model: type[Settings]) -> Settings:
    """Return a profile's settings as its family wants them.

    Raises:
        ValueError: Unknown or impossible ones, all of them.
    """
    try:
        return model.model_validate(dict(profile.settings))
    except ValidationError as error:
        said = "; ".join(f"settings.{'.'.join(map(str, found['loc']))}: {found['msg']}" for found in error.errors())
        raise ValueError(f"profile '{profile.profile}': {said}") from error


class Talker(Family):
    """An instrument that sends whole measurements by itself."""

    talks = True

    def __init__(self, period_s: float) -> None:
        self.patience_s = period_s

    @abstractmethod
    def scanner(self) -> BinaryScanner | LineScanner:
        """Return what finds its frames."""

    async def sample(self, line: Line, wanted: frozenset[str]) -> Sample:
        """Listen for one period at most."""
        exchange = ListenExchange(self.scanner, wanted, round(self.patience_s * 1_000_000))
        moment = await line.exchange(exchange)
        return Sample(dict(exchange.fields), moment, self._absent(exchange.fields))

    def _absent(self, fields: Fields) -> Cause | None:
        del fields
        return None


class PlantowerSettings(StrictModel):
    """Settings of `protocol: plantower`.

    Attributes:
        mode: Active sensors talk; passive ones, set so beforehand, are asked.
        period_s: Longest time between two frames of an active one, in seconds: 2.3 s while the air is still.
    """

    mode: Literal["active", "passive"] = "active"
    period_s: Period = 3.0


class Plantower(Talker):
    """PMS5003 and its relatives."""

    known = plantower.FIELDS

    def __init__(self, settings: PlantowerSettings) -> None:
        super().__init__(settings.period_s)
        self.talks = settings.mode == "active"
        self._ask = AskExchange(plantower.READ_REQUEST, self.scanner)

    def scanner(self) -> BinaryScanner:
        """Return what finds its frames."""
        return BinaryScanner(plantower.PlantowerForm())

    async def sample(self, line: Line, wanted: frozenset[str]) -> Sample:
        """Listen to an active one, ask a passive one."""
        if self.talks:
            return await super().sample(line, wanted)
        moment = await line.exchange(self._ask)
        return Sample(self._ask.fields, moment)


class TalkerSettings(StrictModel):
    """Settings of `protocol: sds011` and `nmea0183`.

    Attributes:
        period_s: Longest time in which everything it has to say comes once, in seconds.
    """

    period_s: Period = 2.5


class Sds011(Talker):
    """Nova SDS011."""

    known = sds011.FIELDS

    def __init__(self, settings: TalkerSettings) -> None:
        super().__init__(settings.period_s)

    def scanner(self) -> BinaryScanner:
        """Return what finds its frames."""
        return BinaryScanner(sds011.Sds011Form())


class Nmea0183(Talker):
    """Anything that talks NMEA 0183."""

    known = nmea0183.FIELDS

    def __init__(self, settings: TalkerSettings) -> None:
        super().__init__(settings.period_s)

    def check_field(self, name: str) -> None:
        """Take the transducers' own names as well."""
        if not (name.startswith("xdr.") and len(name) > 4):
            super().check_field(name)

    def scanner(self) -> LineScanner:
        """Return what finds its sentences."""
        return LineScanner(nmea0183.NmeaForm())


class WxtSettings(StrictModel):
    """Settings of `protocol: wxt530`.

    Attributes:
        mode: Asked (the transmitter's protocol P or p), or automatic (A or a).
        crc: Ask and take with CRC; nothing else protects a digit of this text.
        message: What is asked for: 0 composite, 1 wind, 2 pressure to humidity, 3 rain, 5 supervisor.
        period_s: Automatic: longest time in which every message comes once, in seconds.
    """

    mode: Literal["ask", "automatic"] = "ask"
    crc: bool = True
    message: Literal[0, 1, 2, 3, 5] = 0
    period_s: Period = 60.0


class Wxt530(Talker):
    """Vaisala WXT530."""

    known = wxt530.FIELDS

    def __init__(self, settings: WxtSettings, address: str) -> None:
        super().__init__(settings.period_s)
        self.talks = settings.mode == "automatic"
        self.patience_s = settings.period_s if self.talks else 0.0
        self._address, self._crc = address, settings.crc
        self._message = None if self.talks else settings.message
        request = wxt530.request(address, settings.message, crc=settings.crc)
        self._ask = AskExchange(request, self.scanner)

    def scanner(self) -> LineScanner:
        """Return what finds its messages."""
        return LineScanner(wxt530.WxtForm(self._address, crc=self._crc, message=self._message))

    async def sample(self, line: Line, wanted: frozenset[str]) -> Sample:
        """Ask, or listen."""
        if self.talks:
            return await super().sample(line, wanted)
        moment = await line.exchange(self._ask)
        return Sample(self._ask.fields, moment, self._absent(self._ask.fields) or Cause.UNSUPPORTED)

    def _absent(self, fields: Fields) -> Cause | None:
        # A dropped token may have been any of those that are missing.
        return Cause.PROTOCOL if "" in fields else None


class WinsenSettings(StrictModel):
    """Settings of `protocol: winsen`.

    Attributes:
        question_mode: The mode byte that makes this model wait for questions (ZE03: 4, ZE07 and ZH03: 65); sent when it
            is found. Not set for a model that always does.
    """

    question_mode: Annotated[int, Field(ge=0, le=255)] | None = None


class Winsen(Family):
    """A Winsen sensor that is asked."""

    known = winsen.FIELDS

    def __init__(self, settings: WinsenSettings) -> None:
        self._mode = settings.question_mode
        self._ask = AskExchange(winsen.READ_REQUEST, lambda: BinaryScanner(winsen.WinsenForm()))

    async def sample(self, line: Line, wanted: frozenset[str]) -> Sample:
        """Ask for the value."""
        del wanted
        moment = await line.exchange(self._ask)
        return Sample(self._ask.fields, moment)

    async def prove(self, line: Line) -> None:
        """Make it wait for questions."""
        if self._mode is not None:
            await line.exchange(SendExchange(winsen.mode_request(self._mode), MODE_PAUSE_US))


def family_of(profile: InstrumentProfile, address: str, clock: Clock) -> Family:
    """Return the family of a profile for one instrument.

    Args:
        profile: Its profile.
        address: The character that calls it, where its protocol has one.
        clock: For those that must be waited for.

    Raises:
        ValueError: The profile's settings or fields are not those of its protocol.
    """
    family = _made(profile, address, clock)
    for point in profile.points:
        try:
            family.check_field(point.field)
        except ValueError as error:
            raise ValueError(f"profile '{profile.profile}', point '{point.key}': {error}") from error
    return family


def _made(profile: InstrumentProfile, address: str, clock: Clock) -> Family:
    from drivers.serial.sdi12_sensor import Sdi12Sensor, Sdi12Settings  # noqa: PLC0415 - it is a Family itself
    from drivers.serial.sps30_sensor import Sps30, Sps30Settings  # noqa: PLC0415 - the same

    match profile.protocol:
        case "plantower":
            return Plantower(settings_of(profile, PlantowerSettings))
        case "sds011":
            return Sds011(settings_of(profile, TalkerSettings))
        case "nmea0183":
            return Nmea0183(settings_of(profile, TalkerSettings))
        case "wxt530":
            return Wxt530(settings_of(profile, WxtSettings), address)
        case "winsen":
            return Winsen(settings_of(profile, WinsenSettings))
        case "sps30":
            settings_of(profile, Sps30Settings)
            return Sps30()
        case "sdi12":
            measurements = len({point.field.partition(".")[0] for point in profile.points})
            return Sdi12Sensor(settings_of(profile, Sdi12Settings), address, clock, measurements)
