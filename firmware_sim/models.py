"""The simulator's configuration file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Final, Literal

from pydantic import Field, field_validator, model_validator

from config.loader import At, StrictModel, refuse
from firmware_sim.core.cabinet import ANALOG_SIGNALS, DEFAULT_INPUTS, SIGNALS
from firmware_sim.core.counter import CounterMode
from firmware_sim.findings import TEXTS, no_such
from firmware_sim.twins import MODELS
from firmware_sim.twins.instruments import INSTRUMENTS

MAX_CABINETS: Final = 5000
MAX_LINES: Final = 5000

Id = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$")]
Share = Annotated[float, Field(ge=0.0, le=1.0)]
Phase = Annotated[int, Field(ge=1, le=3)]
Channel = Annotated[int, Field(ge=1, le=8)]
Unit = Annotated[int, Field(ge=1, le=247)]
Voltage = Annotated[float, Field(ge=0.0, le=1000.0)]
Watts = Annotated[float, Field(ge=0.0, le=1e6)]
Seconds = Annotated[float, Field(ge=0.0, le=1e9)]
Baud = Literal[1200, 2400, 4800, 9600, 19200, 38400, 57600, 115200]


def _wrong_quantities(values: Mapping[str, float | str], known: Mapping[str, float | str]) -> list[At]:
    """Return a finding for every quantity that a model has not, or that is a text instead of a number."""
    findings = [At(("values", name), no_such("quantity", name, sorted(known))) for name in values if name not in known]
    return findings + [
        At(("values", name), TEXTS.text("text" if isinstance(known[name], str) else "number", name=name))
        for name, value in values.items()
        if name in known and isinstance(known[name], str) != isinstance(value, str)
    ]


class PlaceConfig(StrictModel):
    """Where the cabinets stand, for the sun."""

    latitude: float = Field(default=13.983, ge=-90.0, le=90.0)
    longitude: float = Field(default=108.0, ge=-180.0, le=180.0)


class RtuLineConfig(StrictModel):
    """A pseudo-terminal that keeps the timing of a serial line; its frames are RTU unless told."""

    id: Id
    kind: Literal["rtu"]
    framing: Literal["rtu", "ascii"] = "rtu"
    data_bits: Literal[7, 8] = 8
    link: str | None = None
    baud: Baud = 9600
    parity: Literal["N", "E", "O"] = "N"
    stop_bits: Literal[1, 2] = 1
    turnaround_s: float = Field(default=0.0, ge=0.0, le=10.0)
    early: Literal["count", "spoil"] = "count"
    check_speed: bool = True


class ServerTls(StrictModel):
    """Mutual TLS: the authority of the callers' certificates, and the port's own certificate and key (PEM)."""

    ca_file: Path
    cert_file: Path
    key_file: Path


class TcpLineConfig(StrictModel):
    """A port with any number of units; 0 takes a free one. Framing rtu and ascii are those of serial servers."""

    id: Id
    kind: Literal["tcp"]
    framing: Literal["tcp", "rtu", "ascii"] = "tcp"
    tls: ServerTls | None = None
    host: str = "127.0.0.1"
    port: int = Field(default=0, ge=0, le=65535)
    turnaround_s: float = Field(default=0.0, ge=0.0, le=10.0)


class InstrumentFaultsConfig(StrictModel):
    """Shares of what goes wrong: of the frames, but `noise` of the bytes."""

    missing: Share = 0.0
    cut: Share = 0.0
    checksum: Share = 0.0
    invalid: Share = 0.0
    noise: Share = 0.0


class SerialInstrumentConfig(StrictModel):
    """An instrument that speaks something else than Modbus; `period_s` is how often it talks by itself."""

    id: Id
    model: str
    address: str = Field(default="0", pattern=r"^[0-9A-Za-z]$")
    period_s: float | None = Field(default=None, ge=0.001, le=3600.0)
    values: dict[str, float | str] = Field(default_factory=dict, max_length=64)
    faults: InstrumentFaultsConfig = InstrumentFaultsConfig()

    @field_validator("model")
    @classmethod
    def _known_model(cls, model: str) -> str:
        if model not in INSTRUMENTS:
            raise ValueError(no_such("model", model, sorted(INSTRUMENTS)))
        return model

    @model_validator(mode="after")
    def _known_quantities(self) -> SerialInstrumentConfig:
        refuse(_wrong_quantities(self.values, INSTRUMENTS[self.model].quantities))
        return self


class InstrumentLineConfig(StrictModel):
    """A pseudo-terminal with instruments that speak something else than Modbus."""

    id: Id
    kind: Literal["instrument"]
    link: str | None = None
    baud: Baud = 9600
    data_bits: Literal[7, 8] = 8
    parity: Literal["N", "E", "O"] = "N"
    stop_bits: Literal[1, 2] = 1
    instruments: tuple[SerialInstrumentConfig, ...] = Field(min_length=1, max_length=62)


LineConfig = Annotated[RtuLineConfig | TcpLineConfig | InstrumentLineConfig, Field(discriminator="kind")]


class CircuitConfig(StrictModel):
    """A circuit of lamps; `lamp_power_w` includes the ballast."""

    id: Id
    phase: Phase = 1
    contactor: Channel = 1
    lamps: int = Field(default=24, ge=0, le=10000)
    lamp_power_w: float = Field(default=170.0, gt=0.0, le=10000.0)
    lamp_kind: Literal["sodium", "led"] = "sodium"
    power_factor: float = Field(default=0.85, ge=0.46, le=1.0)
    warm_up_s: float = Field(default=420.0, ge=1.0, le=3600.0)


class MeterConfig(StrictModel):
    """An Eastron SDM630."""

    id: Id = "sdm630"
    kind: Literal["sdm630"]
    line: Id
    unit: Unit = 1
    holes: Literal["refuse", "zero"] = "refuse"
    missing: Share | None = None


class RelayConfig(StrictModel):
    """A Waveshare Modbus RTU Relay (D)."""

    id: Id = "waveshare-relay-d"
    kind: Literal["waveshare-relay-d"]
    line: Id
    unit: Unit = 1
    missing: Share | None = None


class CounterConfig(StrictModel):
    """`count` devices with known registers on consecutive units of one line."""

    id: Id
    kind: Literal["counter"]
    line: Id
    unit: Unit = 1
    count: int = Field(default=1, ge=1, le=247)
    mode: CounterMode = "counter"
    registers: int = Field(default=10000, ge=1, le=65536)
    max_registers: int = Field(default=125, ge=1, le=125)
    missing: Share = 0.0

    @model_validator(mode="after")
    def _units_exist(self) -> CounterConfig:
        if self.unit + self.count > 248:
            raise ValueError(TEXTS.text("units_end"))
        return self


class TwinConfig(StrictModel):
    """An instrument of some model; `values` are the quantities that differ from the model's own."""

    id: Id
    kind: Literal["instrument"]
    model: str
    line: Id
    unit: Unit = 1
    values: dict[str, float | str] = Field(default_factory=dict, max_length=64)
    noise: float = Field(default=0.0, ge=0.0, le=1.0)
    holes: Literal["refuse", "zero"] = "refuse"
    missing: Share = 0.0

    @field_validator("model")
    @classmethod
    def _known_model(cls, model: str) -> str:
        if model not in MODELS:
            raise ValueError(no_such("model", model, sorted(MODELS)))
        return model

    @model_validator(mode="after")
    def _known_quantities(self) -> TwinConfig:
        refuse(_wrong_quantities(self.values, MODELS[self.model].quantities))
        return self


class TransducerConfig(StrictModel):
    """A converter to 4-20 mA on an analogue input: `low` of its signal gives 4 mA, `high` 20."""

    signal: str
    low: float = 0.0
    high: float

    @field_validator("signal")
    @classmethod
    def _known_signal(cls, signal: str) -> str:
        if signal not in ANALOG_SIGNALS:
            raise ValueError(no_such("signal", signal, sorted(ANALOG_SIGNALS)))
        return signal

    @model_validator(mode="after")
    def _rises(self) -> TransducerConfig:
        if self.high <= self.low:
            raise At(("high",), TEXTS.text("span"))
        return self


class AnalogInputsConfig(StrictModel):
    """A Waveshare Modbus RTU Analog Input 8CH; `noise` is the relative error of its currents."""

    id: Id = "analog"
    kind: Literal["waveshare-analog-input-8"]
    line: Id
    unit: Unit = 1
    channels: dict[Channel, TransducerConfig] = Field(default_factory=dict)
    noise: Share = 0.0
    missing: Share | None = None


class LampControllerConfig(StrictModel):
    """The controller of one lamp of an LED circuit, by its number; without one the dimmer of the whole circuit."""

    id: Id
    kind: Literal["generic-lamp-controller"]
    line: Id
    unit: Unit = 1
    circuit: Id
    lamp: int | None = Field(default=None, ge=1, le=10000)
    missing: Share | None = None


CabinetDevice = Annotated[
    MeterConfig | RelayConfig | AnalogInputsConfig | LampControllerConfig, Field(discriminator="kind")
]
StandaloneDevice = Annotated[CounterConfig | TwinConfig, Field(discriminator="kind")]


class CabinetConfig(StrictModel):
    """One cabinet; `noise` is the meter's standard deviation as a fraction, `missing` its unanswered share."""

    id: Id
    circuits: tuple[CircuitConfig, ...] = Field(default=(), max_length=64)
    devices: tuple[CabinetDevice, ...] = Field(default=(), max_length=128)
    inputs: dict[Channel, str] = Field(default_factory=lambda: dict(DEFAULT_INPUTS))
    noise: float = Field(default=0.0, ge=0.0, le=1.0)
    missing: Share = 0.0
    nominal_v: float = Field(default=230.0, gt=0.0, le=1000.0)
    voltage_v: tuple[Voltage, Voltage, Voltage] = (230.0, 230.0, 230.0)
    frequency_hz: float = Field(default=50.0, ge=0.0, le=100.0)
    control_phase: Phase = 1
    meter_supply: Literal["upstream", "downstream"] = "upstream"
    meter_start_s: Seconds = 2.0
    battery_s: Seconds | None = None
    input_link: bool = False
    photocell_dark_below_deg: float = Field(default=-3.0, ge=-90.0, le=90.0)
    base_load_w: tuple[Watts, Watts, Watts] = (0.0, 0.0, 0.0)
    rcd_ma: float = Field(default=300.0, gt=0.0, le=30_000.0)
    standing_leak_ma: float = Field(default=0.0, ge=0.0, le=30_000.0)
    mean_temperature_c: float = Field(default=26.0, ge=-50.0, le=80.0)

    @field_validator("inputs")
    @classmethod
    def _known_signals(cls, inputs: dict[int, str]) -> dict[int, str]:
        for number, signal in inputs.items():
            if signal not in SIGNALS:
                finding = no_such("signal", signal, sorted(SIGNALS))
                raise ValueError(TEXTS.text("input", number=number, finding=finding))
        return inputs

    @model_validator(mode="after")
    def _lamps_exist(self) -> CabinetConfig:
        refuse(list(self._lamp_findings()))
        return self

    def _lamp_findings(self) -> Iterator[At]:
        circuits = {circuit.id: circuit for circuit in self.circuits}
        for index, device in enumerate(self.devices):
            if not isinstance(device, LampControllerConfig):
                continue
            circuit = circuits.get(device.circuit)
            if circuit is None:
                yield At(("devices", index, "circuit"), no_such("circuit", device.circuit, circuits))
            elif circuit.lamp_kind != "led":
                yield At(("devices", index, "circuit"), TEXTS.text("no_driver", circuit=circuit.id))
            elif device.lamp is not None and device.lamp > circuit.lamps:
                facts = {"circuit": circuit.id, "lamps": circuit.lamps, "lamp": device.lamp}
                yield At(("devices", index, "lamp"), TEXTS.text("no_lamp", **facts))


class PostDeviceConfig(StrictModel):
    """The charger of a solar post, or the inputs that watch its flasher (1) and its box (2)."""

    id: Id
    kind: Literal["epever-tracer", "advantech-adam-4150"]
    line: Id
    unit: Unit = 1
    missing: Share = 0.0


class SolarPostConfig(StrictModel):
    """A warning light on its own panel and battery; `charge` is how full that is at the start."""

    id: Id
    panel_w: float = Field(default=60.0, gt=0.0, le=10_000.0)
    battery_wh: float = Field(default=480.0, gt=0.0, le=100_000.0)
    flasher_w: float = Field(default=5.0, gt=0.0, le=1000.0)
    charge: Share = 0.9
    devices: tuple[PostDeviceConfig, ...] = Field(default=(), max_length=4)


class SimulatorConfig(StrictModel):
    """The whole file. `start_unix_s` sets the simulated clock; without it the real time is taken."""

    seed: int = Field(default=1, ge=0, lt=1 << 63)
    time_factor: float = Field(default=1.0, gt=0.0, le=100000.0)
    start_unix_s: float | None = Field(default=None, ge=0.0, le=4102444800.0)
    place: PlaceConfig = PlaceConfig()
    lines: tuple[LineConfig, ...] = Field(min_length=1, max_length=MAX_LINES)
    cabinets: tuple[CabinetConfig, ...] = Field(default=(), max_length=MAX_CABINETS)
    posts: tuple[SolarPostConfig, ...] = Field(default=(), max_length=MAX_CABINETS)
    devices: tuple[StandaloneDevice, ...] = Field(default=(), max_length=MAX_CABINETS)
    scenario: str | None = None
