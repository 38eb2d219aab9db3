"""Whatever a gateway sends, its lights are judged without a defect, and their state can be kept and taken back."""

from __future__ import annotations

import json
import random

from hypothesis import given, settings
from hypothesis import strategies as st

from collector.core.lights_summary import summary_of
from contract.reading import Block, Cause, Value
from tests.unit.collector.lights_gateway import CABINET, engine_of, ms_of
from tests.unit.collector.lights_street import ON_S

KEYS = {
    "meter": ("p1", "p2", "p3", "u1", "u2", "u3", "energy_import"),
    "relay": ("mains_ok",),
    "control": ("wanted_a", "actual_a", "wanted_b", "proof_a", "reason_a", "dim_a", "switch_count_a", "lamps_due"),
}
VALUES: st.SearchStrategy[Value] = st.one_of(
    st.sampled_from([0, 0.0, -1.0, 1e300, -1e300, 230.0, 1360.0, 70, 10**14, True, False, "", "line_open", "override"]),
    st.floats(allow_nan=False, allow_infinity=False),
    st.integers(-(2**63), 2**63),
)


@st.composite
def blocks(draw: st.DrawFn) -> tuple[Block, int, bool]:
    device = draw(st.sampled_from(sorted(KEYS)))
    keys = draw(st.lists(st.sampled_from(KEYS[device]), min_size=1, max_size=8, unique=True))
    values: list[Value | None] = [draw(VALUES) for _ in keys]
    causes = {}
    for index, key in enumerate(keys):
        cause = draw(st.sampled_from([Cause.OK, Cause.OK, Cause.OK, Cause.SPIKE, Cause.TIMEOUT]))
        if cause is Cause.TIMEOUT:
            values[index] = None
        if cause is not Cause.OK:
            causes[key] = cause
    at_ms = ms_of(ON_S) + draw(st.integers(-90_000_000, 200_000_000))
    made = Block(device=device, observed_at_ms=at_ms, keys=tuple(keys), values=tuple(values), causes=causes)
    return made, at_ms, draw(st.booleans())


@settings(max_examples=60, deadline=None)
@given(st.lists(blocks(), min_size=1, max_size=60), st.randoms(use_true_random=False))
def test_no_readings_break_the_lights(taken: list[tuple[Block, int, bool]], chooser: random.Random) -> None:
    engine = engine_of()
    lights = engine._cabinets[CABINET]
    now_ms = ms_of(ON_S) + 200_000_000
    for block, at_ms, is_late in taken:
        # Most readings come in order: long runs of the same, so that something is learned.
        for repeat in range(chooser.choice((1, 1, 30))):
            lights.take(block, at_ms + repeat * 60_000, now_ms, is_late=is_late)
        assert len(lights.evidence()) <= 16
    kept = json.loads(json.dumps(lights.dump(), allow_nan=False))
    other = engine_of()._cabinets[CABINET]
    other.restore(kept)
    assert json.loads(json.dumps(other.dump(), allow_nan=False)) == kept
    for ledger in lights.ledgers.values():
        again = type(ledger).restored(ledger.day, json.loads(json.dumps(ledger.dump(), allow_nan=False)))
        one, two = (summary_of(lights.cabinet, lights.groups, each, now_ms) for each in (ledger, again))
        assert one == two
        assert one.unlit + one.unknown <= 1560
