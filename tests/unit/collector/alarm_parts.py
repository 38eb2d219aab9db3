"""A small city, its readings as batches, and a desk without a network, for the alarm tests."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence

from collector.core.received import Channel, Received
from config.agent import Place
from config.city import Area, Cabinet, CabinetDevices, City, Coordinates, Crew
from contract.batch import Batch, ClockState, Priority
from contract.codec import batch_body, columns, decode_batch, stamped
from contract.reading import BAD_CAUSES, Block, Cause, Value

START_MS = 1_798_722_000_000
"""2026-12-31 20:00 in Pleiku."""
EPOCH = "0" * 32
_NUMBERS = itertools.count(1)
GOOD: dict[str, Value] = {"m/u1": 230.0, "m/u2": 231.0, "m/u3": 229.0, "d/mains_ok": True, "control/lamps_due": 1}
LOST: dict[str, Value] = {
    "m/u1": "timeout",
    "m/u2": "timeout",
    "m/u3": "timeout",
    "d/mains_ok": False,
    "control/lamps_due": 1,
}


def cabinet(
    number: int, *, gateway: str | None = None, meter: str = "m", io: str = "d", crew: str = "north"
) -> Cabinet:
    return Cabinet(
        id=f"c-{number}",
        name=f"C-{number}",
        street="Lê Duẩn",
        ward="w1",
        crew=crew,
        gateway=gateway or f"gw-{number}",
        devices=CabinetDevices(meter=meter, io=io),
        lamps=120,
        place=Coordinates(latitude=13.983, longitude=108.0),
    )


def city(*cabinets: Cabinet, languages: Mapping[str, str] | None = None) -> City:
    crews = tuple(
        Crew.model_validate({"id": name, "name": name.title(), "language": language})
        for name, language in (languages or {"north": "vi", "south": "en"}).items()
    )
    return City(
        city="Pleiku",
        place=Place(latitude=13.98, longitude=108.0, timezone="Asia/Ho_Chi_Minh"),
        crews=crews,
        wards=(Area(id="w1", name="Phường Diên Hồng"),),
        cabinets=cabinets or (cabinet(1),),
    )


def block(device: str, values: Mapping[str, Value], at_ms: int) -> Block:
    bad = {key: Cause(str(value)) for key, value in values.items() if isinstance(value, str) and value in BAD_CAUSES}
    return Block(
        device=device,
        observed_at_ms=at_ms,
        keys=tuple(values),
        values=tuple(None if key in bad else value for key, value in values.items()),
        causes=bad,
    )


def blocks(values: Mapping[str, Value], at_ms: int) -> list[Block]:
    by_device: dict[str, dict[str, Value]] = {}
    for point, value in values.items():
        device, _, key = point.partition("/")
        by_device.setdefault(device, {})[key] = value
    return [block(device, points, at_ms) for device, points in by_device.items()]


def batch(
    readings: Sequence[Block],
    *,
    sent_ms: int,
    seq: int | None = None,
    clock: ClockState = ClockState.SYNCED,
    age_ms: int | None = None,
) -> Batch:
    number = next(_NUMBERS) if seq is None else seq
    body = batch_body(epoch=EPOCH, seq=number, priority=Priority.NORMAL, clock=clock, device_columns=columns(readings))
    return decode_batch(stamped(body, sent_ms=sent_ms, lowest_seq=1, age_ms=age_ms))


def received(
    values: Mapping[str, Value],
    at_s: float,
    *,
    gateway: str = "gw-1",
    channel: Channel = "live",
    late_s: float = 0.0,
    offset_s: float = 0.0,
    seq: int | None = None,
) -> Received:
    """Return readings observed at_s after START_MS; offset_s is how far the gateway's clock is ahead."""
    at_ms = START_MS + round(at_s * 1000)
    observed_ms = at_ms + round(offset_s * 1000)
    sent_ms = observed_ms + round(late_s * 1000)
    return Received(
        gateway=gateway,
        batch=batch(blocks(values, observed_ms), sent_ms=sent_ms, seq=seq),
        channel=channel,
        received_ms=at_ms + round(late_s * 1000),
    )
