"""The edge agent's configuration."""

from __future__ import annotations

from collections.abc import Mapping
from ipaddress import ip_address
from os.path import normpath
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from pydantic import Field, field_validator, model_validator

from config.adjust import Adjust
from config.lighting import Lighting, lighting_findings
from config.loader import At, StrictModel, no_such, refuse, twice
from config.points import Name, PointId, PollInterval, check_field
from config.quality import Averages, Calibration, Doubt, MaintenanceSwitch, out_of_order, switched_twice
from config.setup import ChosenSetting
from config.texts import TEXTS
from contract.batch import MAX_POINTS_PER_DEVICE
from contract.topics import BUILT_IN_DEVICES, DEFAULT_ROOT, RESERVED_DEVICES, RESERVED_GATEWAYS

Seconds = Annotated[float, Field(gt=0, le=86_400)]
TopicRoot = Annotated[str, Field(pattern=r"^[a-z0-9_-]+(/[a-z0-9_-]+){0,3}$")]
SECURE_PORT: Final = 802
"""Of Modbus/TCP Security."""


class Place(StrictModel):
    """Where the gateway or the city stands.

    Attributes:
        latitude: Degrees north, WGS 84.
        longitude: Degrees east, WGS 84.
        timezone: IANA name of the time zone, such as Asia/Ho_Chi_Minh.
    """

    latitude: Annotated[float, Field(ge=-90, le=90)]
    longitude: Annotated[float, Field(ge=-180, le=180)]
    timezone: str

    @field_validator("timezone")
    @classmethod
    def _known(cls, zone: str) -> str:
        from zoneinfo import ZoneInfo, ZoneInfoNotFoundError  # noqa: PLC0415 - costs 10 ms, and only files name zones

        try:
            ZoneInfo(zone)
        except (ZoneInfoNotFoundError, ValueError, OSError) as error:  # OSError: a folder of zones, such as Asia
            raise ValueError(TEXTS.text("no_zone", zone=zone)) from error
        return zone

    @model_validator(mode="after")
    def _one_place(self) -> Place:
        from contract.lights.wall_time import (  # noqa: PLC0415 - the same
            MOST_HOURS_OFF_THE_SUN,
            hours_off_the_sun,
        )

        hours = hours_off_the_sun(self)
        if abs(hours) > MOST_HOURS_OFF_THE_SUN:
            facts = {"longitude": self.longitude, "zone": self.timezone, "hours": round(abs(hours))}
            raise At(("longitude",), TEXTS.text("zone_elsewhere", **facts))
        return self


class Tls(StrictModel):
    """Mutual TLS; for the broker the certificate's CN is the gateway's name.

    Attributes:
        ca_file: Certificates (PEM) of the authority that signed the other side's.
        cert_file: This client's certificate (PEM).
        key_file: Its private key (PEM).
    """

    ca_file: Path
    cert_file: Path | None = None
    key_file: Path | None = None

    @model_validator(mode="after")
    def _both(self) -> Tls:
        if (self.cert_file is None) != (self.key_file is None):
            raise At(("key_file" if self.cert_file is None else "cert_file",), TEXTS.text("tls_pair"))
        return self


class Mqtt(StrictModel):
    """The broker. Passwords stand in files, never here.

    Attributes:
        host: Name or address.
        port: TCP port; 8883 is usual with TLS.
        root: What all topics begin with.
        username: If the broker asks for one.
        password_file: Its first line is the password.
        tls: Encryption and certificates; without it everything travels in clear.
        keepalive_s: Seconds of silence after which the connection is tested.
        allow_mqtt311: Fall back to MQTT 3.1.1, whose brokers acknowledge what they deny. For demonstrations.
    """

    host: str = "localhost"
    port: Annotated[int, Field(ge=1, le=65535)] = 1883
    root: TopicRoot = DEFAULT_ROOT
    username: str | None = None
    password_file: Path | None = None
    tls: Tls | None = None
    keepalive_s: Annotated[int, Field(ge=5, le=600)] = 20
    allow_mqtt311: bool = False


class Clock(StrictModel):
    """Whether the wall clock must be synchronised before its times are believed.

    Attributes:
        require_sync: False takes the clock as it is and marks every batch so: for demonstrations and laboratories.
    """

    require_sync: bool = True


class SpoolLimits(StrictModel):
    """The disk that readings wait on.

    Attributes:
        max_bytes: Past it rows go, the least urgent and oldest first, and are counted.
        commit_interval_s: Readings that are not urgent are committed together this often, in seconds; flash dies of
            writes.
    """

    max_bytes: Annotated[int, Field(ge=1_048_576, le=2**40)] = 256 * 1024 * 1024
    commit_interval_s: Annotated[float, Field(ge=0.05, le=60)] = 1.0


def unreserved(name: str, reserved: frozenset[str]) -> str:
    """Return a name that no topic of ours has taken.

    Raises:
        ValueError: It is one of those.
    """
    if name in reserved:
        raise ValueError(TEXTS.text("reserved", name=name))
    return name


class SerialLine(StrictModel):
    """One RS-485 or RS-232 line.

    Attributes:
        id: Its name in this file.
        kind: What kind of line this is.
        port: Device file, best one below /dev/serial/by-path.
        baud: Bits a second.
        framing: Of Modbus on it: rtu, or ascii, where every byte goes as two hexadecimal digits.
        data_bits: Of each character; Modbus RTU takes 8, Modbus ASCII 7 or 8, SDI-12 takes 7.
        parity: None, even or odd.
        stop_bits: After each character.
        rs485: Who turns the transceiver from receiving to sending: the adapter by itself (USB adapters, most gateways),
            or the kernel by RTS, high or low while it sends, as some built-in ports need.
        timeout_s: How long a reply may take to begin.
        quiet_pause_s: Silence after a time-out, in which late answers are thrown away; timeout_s if not set.
    """

    id: Name
    kind: Literal["serial"]
    port: str
    framing: Literal["rtu", "ascii"] = "rtu"
    baud: Annotated[int, Field(ge=300, le=4_000_000)] = 9600
    data_bits: Literal[7, 8] = 8
    parity: Literal["N", "E", "O"] = "N"
    stop_bits: Literal[1, 2] = 1
    rs485: Literal["adapter", "rts_high", "rts_low"] = "adapter"
    timeout_s: Annotated[float, Field(gt=0, le=10)] = 0.5
    quiet_pause_s: Annotated[float, Field(ge=0, le=10)] | None = None

    @property
    def address(self) -> str:
        """What only one line may hold."""
        return normpath(self.port)

    @property
    def quiet_s(self) -> float:
        """Seconds of silence after a time-out."""
        return self.timeout_s if self.quiet_pause_s is None else self.quiet_pause_s


class TcpLine(StrictModel):
    """One host and port that speaks Modbus; one connection whatever number of units stands behind it.

    Attributes:
        id: Its name in this file.
        kind: What kind of line this is.
        host: Name or address.
        port: TCP port; if not set 502, or 802 with tls, the ports that are registered for Modbus.
        framing: tcp, or rtu for a serial server that passes RTU frames on as they are.
        transaction_id: `ignore` for a gateway that does not return the number of the request; an answer that is late
            can then only be told by silence, so as with framing rtu each new connection begins with the quiet pause.
        timeout_s: How long a connection or a reply may take.
        quiet_pause_s: With framing rtu or transaction_id ignore: silence after a time-out, in which late answers are
            thrown away; timeout_s if not set. On a slow network, such as a modem, more than its delays.
        tls: Encryption and certificates of both sides (Modbus/TCP Security); the device's certificate must name `host`.
    """

    id: Name
    kind: Literal["tcp"]
    host: str
    port: Annotated[int, Field(ge=1, le=65535)] = 502
    framing: Literal["tcp", "rtu"] = "tcp"
    transaction_id: Literal["check", "ignore"] = "check"
    timeout_s: Annotated[float, Field(gt=0, le=30)] = 1.0
    quiet_pause_s: Annotated[float, Field(ge=0, le=30)] | None = None
    tls: Tls | None = None

    @model_validator(mode="before")
    @classmethod
    def _usual_port(cls, data: Any) -> Any:
        if isinstance(data, Mapping) and data.get("tls") is not None and "port" not in data:
            return {**data, "port": SECURE_PORT}
        return data

    @model_validator(mode="after")
    def _pauses_where_it_must(self) -> TcpLine:
        if self.framing == "rtu" and self.transaction_id == "ignore":
            raise At(("transaction_id",), TEXTS.text("no_transaction"))
        if not self.needs_silence and self.quiet_pause_s is not None:
            raise At(("quiet_pause_s",), TEXTS.text("no_quiet_pause"))
        return self

    @property
    def needs_silence(self) -> bool:
        """Whether only silence tells a late answer from the answer to the next request."""
        return self.framing == "rtu" or self.transaction_id == "ignore"

    @property
    def address(self) -> str:
        """What only one line may hold."""
        try:
            host = str(ip_address(self.host))
        except ValueError:
            host = self.host.lower().rstrip(".")
        return f"{host}:{self.port}"

    @property
    def quiet_s(self) -> float:
        """Seconds of silence after a time-out: only transaction ids make it needless."""
        if not self.needs_silence:
            return 0.0
        return self.timeout_s if self.quiet_pause_s is None else self.quiet_pause_s


Line = Annotated[SerialLine | TcpLine, Field(discriminator="kind")]


class Intervals(StrictModel):
    """How often each poll class is read; at most once a millisecond, since that is how finely readings are dated.

    Attributes:
        fast_s: Seconds between polls of fast points.
        normal_s: Seconds between polls of normal points.
        slow_s: Seconds between polls of slow points.
    """

    fast_s: PollInterval = 1.0
    normal_s: PollInterval = 5.0
    slow_s: PollInterval = 60.0


class DeviceConfig(StrictModel):
    """One device on a line.

    Attributes:
        id: Its name in topics and in the store.
        profile: A shipped profile's name, or a file.
        line: The id of its line.
        unit: Modbus unit id.
        address: Address of an instrument that has one, such as SDI-12: one character.
        names: The profile's point key to the name it has here, such as di1: mains_ok.
        adjust: The profile's point key to what becomes of its value at this place, such as a level.
        points: The profile's point keys to read; all of them if not set.
        intervals: Its own poll intervals; the agent's if not set.
        averages: Averages of its points over fixed periods; none if not set.
        setup: The profile's point key to what this setting of the device itself must be here, if not what the profile
            wants; `edge-agent setup` compares it.
    """

    id: Name
    profile: str
    line: Name
    unit: Annotated[int, Field(ge=0, le=255)] = 1
    address: Annotated[str, Field(pattern=r"^[0-9A-Za-z]$")] = "0"
    names: Annotated[dict[Name, Name], Field(max_length=MAX_POINTS_PER_DEVICE)] = Field(default_factory=dict)
    adjust: Annotated[dict[Name, Adjust], Field(max_length=MAX_POINTS_PER_DEVICE)] = Field(default_factory=dict)
    points: tuple[Name, ...] | None = None
    intervals: Intervals | None = None
    averages: Averages | None = None
    setup: Annotated[dict[Name, ChosenSetting], Field(max_length=64)] = Field(default_factory=dict)

    @field_validator("id")
    @classmethod
    def _free(cls, name: str) -> str:
        return unreserved(name, RESERVED_DEVICES | BUILT_IN_DEVICES)

    @model_validator(mode="after")
    def _names_differ(self) -> DeviceConfig:
        seen: dict[str, str] = {}
        findings = []
        for key, name in self.names.items():
            if name in seen:
                findings.append(At(("names", key), TEXTS.text("renamed_twice", name=name, key=seen[name])))
            seen.setdefault(name, key)
        refuse(findings)
        return self

    def named(self, key: str) -> str:
        """Return what a point of the profile is called here."""
        adjust = self.adjust.get(key)
        return self.names.get(key) or (adjust and adjust.becomes) or key

    @field_validator("names")
    @classmethod
    def _storable(cls, names: dict[str, str]) -> dict[str, str]:
        for name in names.values():
            check_field(name)
        return names


class Allowed(StrictModel):
    """One point that commands may write, and the values.

    Attributes:
        point: device/point.
        low: Smallest value.
        high: Greatest value.
    """

    point: PointId
    low: float = 0
    high: float = 1

    @model_validator(mode="after")
    def _rises(self) -> Allowed:
        if self.low > self.high:
            raise At(("high",), TEXTS.text("high_below_low", high=self.high, low=self.low))
        return self


class Commands(StrictModel):
    """Which writes are allowed, and the key that signs commands from the centre.

    Attributes:
        key_file: 32 bytes or more, raw or hex; without it commands from the centre are refused.
        allow: All that may be written, by the schedule as well; nothing if empty.
    """

    key_file: Path | None = None
    allow: tuple[Allowed, ...] = ()


class PulseCounter(StrictModel):
    """Pulses of a polled input as a device of its own: rain gauges, water meters.

    Attributes:
        id: Its name in topics and in the store.
        source: The input (device/point) that is counted; a bool.
        en: Its name in English.
        vi: Its name in Vietnamese.
        device_class: The measurement that its values are stored under.
        quantity_per_pulse: What one pulse is worth, in `unit`.
        unit: Of the amounts and the total.
        counts: The level that a pulse begins with: true for a contact that closes.
        debounce_s: How long a new level must be seen, in seconds; 0 takes it at once.
        shortest_pulse_s: Shortest pulse, and shortest pause between two, in seconds, as the maker tells it.
        interval_s: An amount is booked this often, in seconds; what was counted since is what a power cut can lose.
    """

    id: Name
    source: PointId
    en: Annotated[str, Field(min_length=1, max_length=64)]
    vi: Annotated[str, Field(min_length=1, max_length=64)]
    device_class: Name = "counter"
    quantity_per_pulse: Annotated[float, Field(gt=0, le=1_000_000)]
    unit: Annotated[str, Field(max_length=16)]
    counts: bool = True
    debounce_s: Annotated[float, Field(ge=0, le=10)] = 0.05
    shortest_pulse_s: Annotated[float, Field(gt=0, le=3600)]
    interval_s: Annotated[float, Field(ge=10, le=86_400)] = 60.0

    @field_validator("id")
    @classmethod
    def _free(cls, name: str) -> str:
        return unreserved(name, RESERVED_DEVICES | BUILT_IN_DEVICES)


class AgentConfig(StrictModel):
    """One gateway.

    Attributes:
        gateway: Its name: MQTT client id and the certificate's CN.
        language: Of what the agent says to people; that of the locale if not set.
        place: Where it stands; lighting needs it.
        state_dir: Folder of what must survive a restart: the spool, commands, lockouts.
        runtime_dir: Folder of what lasts until the next boot.
        mqtt: The broker.
        clock: How far the wall clock is believed.
        spool: The disk that readings wait on.
        intervals: How often each poll class is read.
        state_interval_s: Least seconds between two retained states of a device.
        lines: The physical lines.
        devices: The devices on them.
        counters: Pulses of polled inputs, each a device of its own.
        calibrations: Corrections of measured values, of each point in the order of time; the raw values are kept.
        doubts: Points that are not to be believed while another point lies past a limit.
        maintenance: Inputs that say that somebody works on devices.
        commands: Which writes are allowed.
        lighting: The lights; this gateway switches no lamps if not set.
    """

    gateway: Name
    language: Literal["en", "vi"] | None = None
    place: Place | None = None
    state_dir: Path = Path("/var/lib/lamplighter-agent")
    runtime_dir: Path = Path("/run/lamplighter-agent")
    mqtt: Mqtt = Mqtt()
    clock: Clock = Clock()
    spool: SpoolLimits = SpoolLimits()
    intervals: Intervals = Intervals()
    state_interval_s: Seconds = 5.0
    lines: Annotated[tuple[Line, ...], Field(max_length=1024)] = ()
    devices: Annotated[tuple[DeviceConfig, ...], Field(max_length=510)] = ()
    counters: Annotated[tuple[PulseCounter, ...], Field(max_length=64)] = ()
    calibrations: Annotated[tuple[Calibration, ...], Field(max_length=1024)] = ()
    doubts: Annotated[tuple[Doubt, ...], Field(max_length=64)] = ()
    maintenance: Annotated[tuple[MaintenanceSwitch, ...], Field(max_length=64)] = ()
    commands: Commands = Commands()
    lighting: Lighting | None = None

    @field_validator("gateway")
    @classmethod
    def _free(cls, name: str) -> str:
        return unreserved(name, RESERVED_GATEWAYS)

    @model_validator(mode="after")
    def _refers(self) -> AgentConfig:
        lines = [line.id for line in self.lines]
        findings = twice(("lines",), "id", lines) + twice(("devices",), "id", [device.id for device in self.devices])
        owners: dict[str, str] = {}
        for index, line in enumerate(self.lines):
            other = owners.setdefault(line.address, line.id)
            if other != line.id:
                key = "port" if isinstance(line, SerialLine) else "host"
                message = TEXTS.text("same_line", other=other, address=line.address)
                findings.append(At(("lines", index, key), message))
        devices = [device.id for device in self.devices]
        findings += twice(("counters",), "id", [counter.id for counter in self.counters])
        for index, counter in enumerate(self.counters):
            if counter.id in devices:
                findings.append(At(("counters", index, "id"), TEXTS.text("counter_is_device", name=counter.id)))
            if counter.source.partition("/")[0] not in devices:
                message = no_such("device", counter.source.partition("/")[0], devices)
                findings.append(At(("counters", index, "source"), message))
        findings += self._quality_findings([*devices, *(counter.id for counter in self.counters)])
        for index, device in enumerate(self.devices):
            if device.line not in lines:
                findings.append(At(("devices", index, "line"), no_such("line", device.line, lines)))
        if self.lighting:
            allowed = [allowed.point for allowed in self.commands.allow]
            findings += lighting_findings(self.lighting, allowed=allowed, devices=devices)
        if self.lighting and self.place is None:
            findings.append(At(("lighting",), TEXTS.text("lighting_place")))
        refuse(findings)
        return self

    def _quality_findings(self, devices: list[str]) -> list[At]:
        findings = out_of_order(self.calibrations) + switched_twice(self.maintenance)
        for index, calibration in enumerate(self.calibrations):
            name = calibration.point.partition("/")[0]
            if name not in devices:
                findings.append(At(("calibrations", index, "point"), no_such("device", name, devices)))
        for index, doubt in enumerate(self.doubts):
            places = [(("witness",), doubt.witness), *((("points", i), point) for i, point in enumerate(doubt.points))]
            findings += [
                At(("doubts", index, *place), no_such("device", point.partition("/")[0], devices))
                for place, point in places
                if point.partition("/")[0] not in devices
            ]
        for index, switch in enumerate(self.maintenance):
            name = switch.switch.partition("/")[0]
            if name not in devices:
                findings.append(At(("maintenance", index, "switch"), no_such("device", name, devices)))
            findings += [
                At(("maintenance", index, "devices", number), no_such("device", name, devices))
                for number, name in enumerate(switch.devices)
                if name not in devices
            ]
        return findings
