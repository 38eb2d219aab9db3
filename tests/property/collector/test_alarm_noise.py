"""Quiet nights: noisy meters and missing samples tell nobody anything.

210 cabinet-nights of 11 hours, a poll every 10 s, in virtual time: 1 % noise, 5 % of the samples missing, three seeds.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator

import pytest

from collector.core.alarm_engine import AlarmEngine
from collector.core.alarm_record import Effects
from collector.core.received import Received
from config.rules import load_rules
from contract.batch import Batch, ClockState, DeviceColumns, Priority
from contract.reading import Cause
from tests.unit.collector.alarm_parts import EPOCH, START_MS, cabinet, city

CABINETS = 70
POLLS = 11 * 360
POLL_MS = 10_000
ROWS = 6
"""A batch a minute: the engine judges row by row all the same."""
NOISE = 0.01
MISSING = 0.05
LEVELS_V = (228.0, 231.0, 233.0)


def night(draw: random.Random, number: int, polls: int = POLLS) -> Iterator[Received]:
    """Yield one cabinet's night: a missing sample is a poll that failed, or one that was not made."""
    for sequence, first in enumerate(range(0, polls, ROWS), 1):
        columns: dict[str, list[float | None]] = {f"u{phase}": [] for phase in (1, 2, 3)}
        runs: list[tuple[int, int, Cause]] = []
        for row in range(ROWS):
            missing = draw.random() < MISSING
            if missing and draw.random() < 0.5:
                runs.append((row, 1, Cause.TIMEOUT))
            for column, level_v in zip(columns.values(), LEVELS_V, strict=True):
                column.append(None if missing else draw.gauss(level_v, NOISE * level_v))
        t0 = START_MS + first * POLL_MS
        dt = [row * POLL_MS for row in range(ROWS)]
        meter = DeviceColumns.model_construct(t0=t0, dt=dt, m=columns, q={key: runs for key in columns if runs})
        inputs = DeviceColumns.model_construct(
            t0=t0, dt=dt, m={"mains_ok": [None if draw.random() < MISSING else True for _ in dt]}, q={}
        )
        control = DeviceColumns.model_construct(t0=t0, dt=[0], m={"lamps_due": [1]}, q={})
        at_ms = t0 + dt[-1]
        batch = Batch.model_construct(
            v=1,
            epoch=EPOCH,
            seq=sequence,
            lo=sequence,
            pri=Priority.NORMAL,
            clk=ClockState.SYNCED,
            sent=at_ms,
            d={"m": meter, "d": inputs, "control": control},
            gone=[],
            age_ms=None,
        )
        yield Received(gateway=f"gw-{number}", batch=batch, channel="live", received_ms=at_ms + number % 1000)


def run(nights: list[Iterator[Received]]) -> Effects:
    inventory = city(*(cabinet(number) for number in range(len(nights))))
    engine = AlarmEngine(inventory, load_rules(), lambda _cabinet, _now_ms: True, START_MS)
    total = engine.connected(START_MS)
    for minute in itertools.zip_longest(*nights):
        for item in minute:
            assert item is not None
            total.add(engine.tick(item.received_ms))
            total.add(engine.step(item))
    return total


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_seventy_quiet_nights_give_no_notice(seed: int) -> None:
    draw = random.Random(seed)
    total = run([night(draw, number) for number in range(CABINETS)])
    assert total.notices == []
    assert [step for step in total.transitions if step.rule != "meter-comm"] == []


def test_the_same_noise_does_not_hide_a_loss() -> None:
    draw = random.Random(4)

    def with_loss() -> Iterator[Received]:
        for sequence, item in enumerate(night(draw, 0, 360)):
            if 20 <= sequence < 40:
                levels: list[float | None] = [draw.gauss(0, 2.3) for _ in range(ROWS)]
                dead = dict.fromkeys(("u1", "u2", "u3"), levels)
                gone = {"m": item.batch.d["m"].model_copy(update={"m": dead, "q": {}})}
                kept = {name: columns for name, columns in item.batch.d.items() if name != "d"}
                batch = item.batch.model_copy(update={"d": {**kept, **gone}})
                yield Received(gateway="gw-0", batch=batch, channel="live", received_ms=item.received_ms)
            else:
                yield item

    total = run([with_loss()])
    assert [(notice.rule, notice.kind) for notice in total.notices] == [
        ("mains-lost", "raised"),
        ("mains-lost", "restored"),
    ]
