"""The points that a gateway makes of others, raw values and averages, and what cannot be made. Pure."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Final

from config.agent import AgentConfig, DeviceConfig
from config.points import FieldPoint, PointSpec
from config.profile import InstrumentProfile, ModbusProfile
from config.quality import Averages, Doubt
from config.texts import TEXTS
from contract.batch import MAX_POINTS_PER_DEVICE
from contract.reading import MAX_NAME_LENGTH, NAME_PATTERN, Block
from edge_agent.core.averages import average_key
from edge_agent.core.quality import RAW_SUFFIX, Correction, DeviceJudge, PointJudge
from edge_agent.core.windows import MAX_MEDIAN_SAMPLES

Place = tuple[str | int, ...]
MAX_TEXT: Final = 256
_MADE: Final = {
    "mean": ("mean of {en}", "trung bình {vi}"),
    "median": ("median of {en}", "trung vị {vi}"),
    "direction": ("mean direction of {en}", "hướng trung bình {vi}"),
    "counter": ("rise in {en}", "lượng tăng trong {vi}"),
}
_NAME: Final = re.compile(NAME_PATTERN)


def corrections_of(config: AgentConfig) -> dict[str, dict[str, tuple[Correction, ...]]]:
    """Return the calibrations of a gateway by device and point key, in the order of time."""
    corrections: dict[str, dict[str, tuple[Correction, ...]]] = {}
    for one in config.calibrations:
        device, _, key = one.point.partition("/")
        points = corrections.setdefault(device, {})
        points[key] = (*points.get(key, ()), Correction(from_ms=one.from_ms, a=one.a, b=one.b, to_ms=one.to_ms))
    return corrections


def corrected(
    block: Block, specs: Mapping[str, PointSpec], corrections: Mapping[str, tuple[Correction, ...]], time_ms: int | None
) -> Block:
    """Return a block with its calibrated points corrected, the raw values beside them; its past is not looked at.

    Args:
        block: What a read gave.
        specs: The limits of the calibrated points, by key.
        corrections: Their calibrations.
        time_ms: When, milliseconds since 1970 UTC; None while the clock is not believed.
    """
    judges = {
        key: PointJudge(low=specs[key].low, high=specs[key].high, corrections=one, is_whole=specs[key].kind == "int")
        for key, one in corrections.items()
    }
    return DeviceJudge(judges).judge(block, time_ms) if judges else block


def derived_names(
    specs: Mapping[str, PointSpec], averages: Averages | None, calibrated: Iterable[str]
) -> list[tuple[str, str]]:
    """Return the key of each point that is made, and of the one that it is made of; see derived_specs."""
    names = [(key + RAW_SUFFIX, key) for key in calibrated]
    if averages is not None:
        names += [
            (average_key(key, specs[key], period_s), key) for key in averages.points for period_s in averages.periods_s
        ]
    return names


def derived_specs(
    specs: Mapping[str, PointSpec], averages: Averages | None, calibrated: Iterable[str]
) -> dict[str, PointSpec]:
    """Return the points that are made of a device's own ones, by key.

    Args:
        specs: The device's own points by key.
        averages: What is averaged.
        calibrated: The keys whose raw values are kept.
    """
    made: dict[str, PointSpec] = {}
    for key in calibrated:
        spec = specs[key]
        made[key + RAW_SUFFIX] = _point(key + RAW_SUFFIX, spec, ("before calibration", "trước hiệu chuẩn"), spec.kind)
    for key in averages.points if averages else ():
        for period_s in averages.periods_s if averages else ():
            spec = specs[key]
            en, vi = _span(period_s)
            name = average_key(key, spec, period_s)
            texts = _MADE[spec.average]
            made[name] = _point(name, spec, (texts[0].format(en=en), texts[1].format(vi=vi)), "float")
    return made


def _point(key: str, spec: PointSpec, suffix: tuple[str, str], kind: str) -> PointSpec:
    return FieldPoint(
        key=key,
        en=f"{spec.en}, {suffix[0]}"[:MAX_TEXT],
        vi=f"{spec.vi}, {suffix[1]}"[:MAX_TEXT],
        unit=spec.unit,
        field="made",
        type="integer" if kind == "int" else "number",
        priority=spec.priority,
    )


def _span(period_s: int) -> tuple[str, str]:
    for length, en, vi in ((3600, "h", "giờ"), (60, "min", "phút")):
        if period_s % length == 0:
            return f"{period_s // length} {en}", f"{period_s // length} {vi}"
    return f"{period_s} s", f"{period_s} giây"


def unlimited(
    device: DeviceConfig, profile: ModbusProfile | InstrumentProfile, calibrated: Iterable[str]
) -> tuple[DeviceConfig, ModbusProfile | InstrumentProfile]:
    """Return a device and its profile without the limits of calibrated points: those hold for corrected values.

    Args:
        device: The device.
        profile: Its profile.
        calibrated: Keys by the names that they have at the device.
    """
    wanted = set(calibrated)
    keys = {spec.key for spec in profile.specs if device.named(spec.key) in wanted}
    if not keys:
        return device, profile
    without = {"low": None, "high": None}
    points = tuple(spec.model_copy(update=without) if spec.key in keys else spec for spec in profile.specs)
    adjust = {key: one.model_copy(update=without) if key in keys else one for key, one in device.adjust.items()}
    return device.model_copy(update={"adjust": adjust}), profile.model_copy(update={"points": points})


def average_problems(
    averages: Averages,
    specs: Mapping[str, PointSpec],
    interval_s: Callable[[PointSpec], float],
    named: Callable[[str], str],
) -> Iterator[tuple[Place, str]]:
    """Yield what is wrong with a device's averages: the place below `averages`, and the finding.

    Args:
        averages: What is to be averaged.
        specs: The device's points by key.
        interval_s: How often a point is read, infinity for once.
        named: The name here of a profile's point.
    """
    for index, key in enumerate(averages.points):
        spec = specs.get(key)
        if spec is None:
            yield ("points", index), TEXTS.text("no_point", point=key)
            continue
        every_s = interval_s(spec)
        if spec.kind not in {"float", "int"}:
            yield ("points", index), TEXTS.text("averaged_kind", point=key)
        elif math.isinf(every_s):
            yield ("points", index), TEXTS.text("averaged_once", point=key)
        else:
            yield from ((("points", index), text) for text in _period_problems(key, spec, averages, every_s))
            if spec.average_with is not None:
                other = specs.get(named(spec.average_with))
                if other is None or interval_s(other) != every_s:
                    yield ("points", index), TEXTS.text("averaged_with", point=key, other=named(spec.average_with))
        if key in averages.ratings and spec.average != "counter":
            yield ("ratings", key), TEXTS.text("rating_no_counter", point=key)


def _period_problems(key: str, spec: PointSpec, averages: Averages, every_s: float) -> Iterator[str]:
    for period_s in averages.periods_s:
        if period_s < every_s:
            yield TEXTS.text("averaged_slow", point=key, interval=every_s, period=period_s)
        elif spec.average == "median" and period_s / every_s > MAX_MEDIAN_SAMPLES:
            yield TEXTS.text("median_long", point=key, interval=every_s, period=period_s, most=MAX_MEDIAN_SAMPLES)


def calibration_problem(key: str, spec: PointSpec | None) -> str | None:
    """Return why a point cannot be calibrated."""
    if spec is None:
        return TEXTS.text("no_point", point=key)
    if spec.kind not in {"float", "int"} or spec.can_be_written:
        return TEXTS.text("calibrated_kind", point=key)
    return None


def doubt_problems(doubt: Doubt, find: Callable[[str], tuple[PointSpec, float] | None]) -> Iterator[tuple[Place, str]]:
    """Yield what is wrong with a doubt: the place below it, and the finding.

    Args:
        doubt: The rule.
        find: The spec of a polled device's point, and how often it is read in seconds; None if there is none.
    """
    places: list[tuple[Place, str]] = [(("witness",), doubt.witness)]
    places += [(("points", index), point) for index, point in enumerate(doubt.points)]
    for place, point in places:
        found = find(point)
        if found is None:
            yield place, TEXTS.text("no_point", point=point)
        elif found[0].kind not in {"float", "int"}:
            yield place, TEXTS.text("doubt_no_number", point=point)
    witness = find(doubt.witness)
    if witness is not None and math.isinf(witness[1]):
        yield ("witness",), TEXTS.text("doubt_once", point=doubt.witness)
    elif witness is not None and witness[1] > doubt.max_age_s:
        yield (
            ("max_age_s",),
            TEXTS.text("doubt_old", point=doubt.witness, interval=witness[1], age=doubt.max_age_s),
        )


def name_problems(
    specs: Mapping[str, PointSpec], averages: Averages | None, calibrated: Iterable[str]
) -> Iterator[str]:
    """Yield what is wrong with the names and the number of the points that are made; see derived_specs."""
    taken = set(specs)
    names = derived_names(specs, averages, calibrated)
    for name, key in names:
        if name in taken or not _NAME.match(name):
            yield TEXTS.text("derived_name", name=name, point=key, most=MAX_NAME_LENGTH)
        taken.add(name)
    count = len(specs) + len(names)
    if count > MAX_POINTS_PER_DEVICE:
        yield TEXTS.text("derived_many", count=count, most=MAX_POINTS_PER_DEVICE)
