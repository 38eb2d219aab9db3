"""One gateway with a meter and three circuits on a test street: its batches, as the agent sends them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta

from collector.core.lights_cabinet import DayPlan, Surroundings
from collector.core.lights_engine import LightsEngine, Outcome
from collector.core.received import Channel, Received
from collector.core.rules_run import batch_of
from config.city import City
from contract.lights import elevation_degrees
from contract.reading import Block, Cause, Value
from tests.unit.collector.lights_street import DAY_S, EPOCH_S, OFF_S, ON_S, Street

GATEWAY, CABINET = "gw-1", "c-1"
CIRCUITS = ("A", "B", "C")
LAMPS = 8
WATTS = 170.0
FIRST_DAY = date(2027, 1, 1)


def city_of(**cabinet: object) -> City:
    given = {
        "id": CABINET,
        "name": "C-1",
        "street": "Lê Duẩn",
        "ward": "w",
        "crew": "crew",
        "gateway": GATEWAY,
        "devices": {"meter": "meter", "io": "relay"},
        "circuits": [
            {
                "id": name,
                "phases": [number],
                "lamp_type": "sodium",
                "lamps": LAMPS,
                "lamp_power_w": WATTS,
            }
            for number, name in enumerate(CIRCUITS, 1)
        ],
    }
    return City.model_validate(
        {
            "city": "Pleiku",
            "place": {"latitude": 13.983, "longitude": 108.0, "timezone": "Asia/Ho_Chi_Minh"},
            "crews": [{"id": "crew", "name": "Crew"}],
            "wards": [{"id": "w", "name": "Ward"}],
            "cabinets": [given | cabinet],
        }
    )


def plan_of(_cabinet: object, day: date) -> DayPlan:
    """Return the test street's plan: ON_S to OFF_S of every night, C off from half past ten."""
    midnight_ms = ms_of((day - FIRST_DAY).days * DAY_S)
    on, off, third = (midnight_ms + round(at_s * 1000) for at_s in (ON_S, OFF_S, 22.5 * 3600))
    return DayPlan(((on, third, CIRCUITS, None), (third, off, CIRCUITS[:2], None)), (on - 600_000, off + 600_000))


def ms_of(at_s: float) -> int:
    return round((EPOCH_S + at_s) * 1000)


def engine_of(city: City | None = None, **around: object) -> LightsEngine:
    parts: dict[str, object] = {
        "plan": plan_of,
        "sun_degrees": lambda _cabinet, at_ms: elevation_degrees(13.983, 108.0, at_ms),
        "shelf": lambda _cabinet, _day: None,
    }
    return LightsEngine(city or city_of(), Surroundings(**(parts | around)))  # type: ignore[arg-type] # a table of parts


@dataclass
class Gateway:
    """What happens at one cabinet.

    Attributes:
        closed: (seconds, circuit, wanted) to what its contactor does.
        tells: Whether it tells of its circuits at all, as gateways of before do not.
        more: More points of `control` at a time.
        burning: (seconds, circuit) to whether its lamps have power, whatever the contactor says.
        shift_ms: How much later than the test street's own times it happens.
    """

    seed: int = 1
    step_s: int = 120
    noise: float = 0.01
    tells: bool = True
    closed: Callable[[float, str, bool], bool | None] = lambda _at_s, _name, wanted: wanted
    burning: Callable[[float, str, bool], bool] = lambda _at_s, _name, closed: closed
    more: Callable[[float], dict[str, Value]] = lambda _at_s: {}
    mains: Callable[[float], bool] = lambda _at_s: True
    energy_wh: float = 5_000_000.0
    counter: Callable[[float, float], float] = lambda _at_s, wh: wh
    missing: float = 0.05
    shift_ms: int = 0
    seq: int = 0
    streets: dict[str, Street] = field(default_factory=dict)
    lit_since: dict[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for number, name in enumerate(CIRCUITS):
            self.streets[name] = Street(self.seed * 10 + number, lamps=LAMPS, watts=WATTS, noise=self.noise)

    def wanted(self, at_s: float, name: str) -> bool:
        """Return what the calendar wants."""
        of_night_s = (at_s - 12 * 3600) % DAY_S + 12 * 3600
        return ON_S <= of_night_s < (22.5 * 3600 if name == "C" else OFF_S)

    def batches(self, first_s: float, end_s: float, channel: Channel = "live") -> Iterator[Received]:
        """Yield a batch every step."""
        street = self.streets["A"]
        at_s = first_s
        while at_s < end_s:
            blocks = list(self._blocks(at_s))
            self.seq += 1
            if blocks and street.random.random() >= self.missing:
                sent_ms = ms_of(at_s + 1) + self.shift_ms
                batch = batch_of(blocks, seq=self.seq, sent_ms=sent_ms)
                yield Received(gateway=GATEWAY, batch=batch, channel=channel, received_ms=sent_ms)
            at_s += self.step_s

    def blocks(self, first_s: float, end_s: float) -> list[Block]:
        """Return everything that is read in a time, without holes."""
        steps = int((end_s - first_s) / self.step_s)
        return [block for step in range(steps) for block in self._blocks(first_s + step * self.step_s)]

    def _blocks(self, at_s: float) -> Iterator[Block]:
        has_mains = self.mains(at_s)
        meter: dict[str, Value] = {}
        control: dict[str, Value] = {}
        for number, name in enumerate(CIRCUITS, 1):
            wanted = self.wanted(at_s, name)
            closed = self.closed(at_s, name, wanted)
            control[f"wanted_{name.lower()}"] = wanted
            control[f"reason_{name.lower()}"] = "program"
            if closed is not None:
                control[f"actual_{name.lower()}"] = closed
            is_lit = has_mains and self.burning(at_s, name, wanted if closed is None else closed)
            if not is_lit:
                self.lit_since.pop(name, None)
                power_w = 0.0
            else:
                since_s = self.lit_since.setdefault(name, at_s)
                power_w = self.streets[name].power_w(at_s, since_s)
            self.energy_wh += power_w * self.step_s / 3600
            meter |= {f"p{number}": self.streets[name].measured(power_w), f"u{number}": self.streets[name].volts(at_s)}
        meter["energy_import"] = round(self.counter(at_s, self.energy_wh), 0)
        at_ms = ms_of(at_s) + self.shift_ms
        yield block("relay", at_ms - 300, {"mains_ok": has_mains})
        if self.tells:
            yield block("control", at_ms - 200, control | self.more(at_s))
        if has_mains:
            yield block("meter", at_ms, meter)


def block(device: str, at_ms: int, values: dict[str, Value], causes: dict[str, Cause] | None = None) -> Block:
    return Block(
        device=device, observed_at_ms=at_ms, keys=tuple(values), values=tuple(values.values()), causes=causes or {}
    )


def feed(engine: LightsEngine, items: Iterator[Received]) -> list[tuple[float, str, bool, str]]:
    """Return (days, finding, holds, words) of whatever changes after the first word of each."""
    changes: list[tuple[float, str, bool, str]] = []
    for item in items:
        changes += told(engine.take(item), item)
    return changes


def told(outcome: Outcome, item: Received) -> list[tuple[float, str, bool, str]]:
    at_days = (item.received_ms / 1000 - EPOCH_S) / DAY_S
    return [
        (at_days, key, bool(value), str(found.values.get(f"{key}_told", "")))
        for found in outcome.found
        for key, value in found.values.items()
        if not key.endswith("_told")
    ]


def raised(changes: list[tuple[float, str, bool, str]]) -> list[tuple[str, bool]]:
    """Return the changes without the first word that nothing is wrong."""
    seen: dict[str, bool] = {}
    result = []
    for _, name, holds, _ in changes:
        if holds != seen.get(name, False):
            result.append((name, holds))
        seen[name] = holds
    return result


def days_after(days: float) -> str:
    return (FIRST_DAY + timedelta(days=days)).isoformat()
