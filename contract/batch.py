"""A batch: one commit of a gateway's spool, of one priority, in columns."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from enum import StrEnum
from typing import Annotated, Final, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    FailFast,
    Field,
    StrictBool,
    StrictFloat,
    StrictInt,
    StrictStr,
    model_validator,
)

from contract.reading import BAD_CAUSES, NAME_PATTERN, Block, Cause, Value

MAX_BATCH_BYTES: Final = 256 * 1024
"""A batch above this is refused by the collector; the agent splits its commits below it."""
MAX_ROWS_PER_DEVICE: Final = 10_000
MAX_POINTS_PER_DEVICE: Final = 512
MAX_DEVICES_PER_BATCH: Final = 512
MAX_TEXT_LENGTH: Final = 256
MAX_CONFIRM_RANGES: Final = 64
LEAST_INTEGER: Final = -(2**63)
GREATEST_INTEGER: Final = 2**63 - 1
"""What the stores hold: signed 64 bits."""
EARLIEST_MS: Final = 1_577_836_800_000
"""2020-01-01: nothing was read by this software before it, so an older time is a clock's mistake."""
LATEST_MS: Final = 4_102_444_800_000
"""2100-01-01."""
MAX_AGE_MS: Final = 10 * 366 * 86_400_000
"""Ten years: longer than any boot."""

Name = Annotated[StrictStr, Field(pattern=NAME_PATTERN)]
Epoch = Annotated[StrictStr, Field(pattern=r"^[0-9a-f]{32}$")]
"""128 random bits drawn at every start of an agent: no number is ever given twice."""
Sequence64 = Annotated[StrictInt, Field(ge=1, le=2**53)]
Milliseconds = Annotated[StrictInt, Field(ge=EARLIEST_MS, le=LATEST_MS)]
Timestamp = Annotated[StrictInt, Field(ge=0, le=LATEST_MS)]
"""Milliseconds since 1970 UTC by a clock that may still be wrong."""
WireScalar = (
    StrictBool
    | Annotated[StrictInt, Field(ge=LEAST_INTEGER, le=GREATEST_INTEGER)]
    | Annotated[StrictFloat, Field(allow_inf_nan=False)]
    | Annotated[StrictStr, Field(max_length=MAX_TEXT_LENGTH)]
)
WireValue = WireScalar | None
Run = tuple[Annotated[StrictInt, Field(ge=0)], Annotated[StrictInt, Field(ge=1)], Cause]
"""(first row, number of rows, cause)."""


class WireModel(BaseModel):
    """The base of everything on the wire; unknown keys are ignored, so that newer agents can add some."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class Priority(StrEnum):
    """How soon a batch must travel, and how late it is given up when the disk is full."""

    URGENT = "urgent"
    NORMAL = "normal"
    LOW = "low"


class ClockState(StrEnum):
    """How the times of a batch were fixed.

    `synced`: the clock was synchronised. `assumed`: `clock.require_sync` is false. `placed`: a boot ended without
    ever being synchronised and was placed before the next known time. `waiting`: no wall time yet; `age_ms` counts.
    """

    SYNCED = "synced"
    ASSUMED = "assumed"
    PLACED = "placed"
    WAITING = "waiting"


class DeviceColumns(WireModel):
    """The readings of one device in a batch.

    Attributes:
        t0: Milliseconds since 1970 UTC of the first row.
        dt: Milliseconds after t0, one a row, strictly rising, the first 0.
        m: Point key to one value a row; null without an entry in q: not sampled in that row.
        q: Point key to the runs of rows whose value is not GOOD.
    """

    t0: Milliseconds
    # FailFast: a hostile batch with 10^5 faults would else cost seconds and 100 MiB of findings.
    dt: Annotated[
        list[Annotated[StrictInt, Field(ge=0)]], FailFast(), Field(min_length=1, max_length=MAX_ROWS_PER_DEVICE)
    ]
    m: Annotated[
        dict[Name, Annotated[list[WireValue], FailFast(), Field(max_length=MAX_ROWS_PER_DEVICE)]],
        FailFast(),
        Field(max_length=MAX_POINTS_PER_DEVICE),
    ]
    q: Annotated[
        dict[Name, Annotated[list[Run], FailFast(), Field(max_length=MAX_ROWS_PER_DEVICE)]],
        FailFast(),
        Field(max_length=MAX_POINTS_PER_DEVICE),
    ] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _columns_agree(self) -> DeviceColumns:
        rows = len(self.dt)
        if self.dt[0] != 0 or any(b <= a for a, b in zip(self.dt, self.dt[1:], strict=False)):
            raise ValueError("dt must begin with 0 and rise strictly")
        if self.t0 + self.dt[-1] > LATEST_MS:
            raise ValueError("a row lies after 2100")
        for key, column in self.m.items():
            if len(column) != rows:
                raise ValueError(f"m.{key} has {len(column)} values for {rows} rows")
        for key, runs in self.q.items():
            if key not in self.m:
                raise ValueError(f"q.{key} has no column")
            _check_runs(key, runs, self.m[key])
        return self

    def blocks(self, device: str) -> Iterator[Block]:
        """Yield one block a row, without the points that were not sampled in it."""
        causes: dict[str, dict[int, Cause]] = {
            key: {row: cause for first, count, cause in runs for row in range(first, first + count)}
            for key, runs in self.q.items()
        }
        columns = list(self.m.items())
        for row, offset_ms in enumerate(self.dt):
            row_causes = {key: by_row[row] for key, by_row in causes.items() if row in by_row}
            present = [(key, column[row]) for key, column in columns if column[row] is not None or key in row_causes]
            if present:
                keys, values = zip(*present, strict=True)
                yield Block(
                    device=device,
                    observed_at_ms=self.t0 + offset_ms,
                    keys=keys,
                    values=values,
                    causes=row_causes,
                )


def _check_runs(key: str, runs: list[tuple[int, int, Cause]], column: list[Value | None]) -> None:
    """Refuse runs that fall, overlap or disagree with their column; work is bounded by its rows."""
    free_from = 0
    for first, count, cause in runs:
        if first < free_from:
            raise ValueError(f"q.{key}: runs must rise and not overlap")
        free_from = first + count
        if free_from > len(column):
            raise ValueError(f"q.{key} runs past the rows")
        if cause is Cause.OK:
            raise ValueError(f"q.{key} lists a run that is ok")
        bad = cause in BAD_CAUSES
        if any((value is None) != bad for value in column[first:free_from]):
            raise ValueError(f"q.{key}: a value is null exactly where its cause makes it BAD")


class Gone(WireModel):
    """What was given up because the disk was full; it travels and is stored like data.

    Attributes:
        what: The priority of the rows that were given up.
        first_ms: Time of the oldest reading among them, milliseconds since 1970 UTC.
        last_ms: Time of the newest.
        batches: How many batches they were.
        readings: How many readings they held.
    """

    what: Priority
    first_ms: Milliseconds
    last_ms: Milliseconds
    batches: Annotated[StrictInt, Field(ge=1)]
    readings: Annotated[StrictInt, Field(ge=0)]


class Batch(WireModel):
    """One commit of the spool.

    Attributes:
        v: The wire contract's version.
        epoch: 128 random bits in hex, drawn at every start of the agent.
        seq: Number within the epoch, from 1.
        lo: The lowest number of this epoch that the agent still holds: below it nothing more comes.
        pri: How soon it travels, and how late it is given up when the disk is full.
        clk: How its times were fixed.
        sent: When this copy was sent, milliseconds since 1970 UTC by the gateway's clock.
        d: Device to its columns.
        gone: What was given up since the last word of it.
        age_ms: Only with clk `waiting`: how long before `sent` the last row was observed. The times of day of such
            a batch mean nothing; it is evaluated at receipt and not stored.
    """

    v: Literal[1]
    epoch: Epoch
    seq: Sequence64
    lo: Annotated[StrictInt, Field(ge=0, le=2**53)] = 0
    pri: Priority
    clk: ClockState
    sent: Timestamp = 0
    d: Annotated[dict[Name, DeviceColumns], FailFast(), Field(max_length=MAX_DEVICES_PER_BATCH)]
    gone: Annotated[list[Gone], Field(max_length=3)] = Field(default_factory=list)
    age_ms: Annotated[StrictInt, Field(ge=0, le=MAX_AGE_MS)] | None = None

    @model_validator(mode="after")
    def _age_only_without_clock(self) -> Batch:
        if self.age_ms is not None and self.clk is not ClockState.WAITING:
            raise ValueError("age_ms stands only with clk waiting")
        return self

    def blocks(self) -> Iterator[Block]:
        """Yield every block, device by device, in the order of time within each."""
        for device, columns in self.d.items():
            yield from columns.blocks(device)

    def reading_count(self) -> int:
        """Return how many points were sampled."""
        return sum(len(block.keys) for block in self.blocks())


class Confirm(WireModel):
    """The batches that a collector has stored and evaluated.

    Attributes:
        ok: Epoch to inclusive ranges of seq, at most 64 ranges together.
    """

    ok: Annotated[
        dict[
            Epoch,
            Annotated[list[tuple[Sequence64, Sequence64]], FailFast(), Field(max_length=MAX_CONFIRM_RANGES)],
        ],
        FailFast(),
        Field(max_length=MAX_CONFIRM_RANGES),
    ]

    @model_validator(mode="after")
    def _bounded(self) -> Confirm:
        if sum(len(ranges) for ranges in self.ok.values()) > MAX_CONFIRM_RANGES:
            raise ValueError(f"more than {MAX_CONFIRM_RANGES} ranges")
        if any(first > last for ranges in self.ok.values() for first, last in ranges):
            raise ValueError("a range ends before it begins")
        return self

    @classmethod
    def of(cls, stored: Mapping[str, set[int]]) -> Confirm:
        """Return the confirm of sets of numbers by epoch, as ranges.

        Raises:
            ValueError: They make more than 64 ranges.
        """
        return cls(ok={epoch: ranges_of(numbers) for epoch, numbers in stored.items() if numbers})


def ranges_of(numbers: set[int]) -> list[tuple[int, int]]:
    """Return numbers as the fewest inclusive ranges, rising."""
    ranges: list[tuple[int, int]] = []
    for number in sorted(numbers):
        if ranges and ranges[-1][1] == number - 1:
            ranges[-1] = (ranges[-1][0], number)
        else:
            ranges.append((number, number))
    return ranges
