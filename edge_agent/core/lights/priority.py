"""Who decides over a circuit: permit, the door switch, override, calendar, sensors, and light where time is unknown."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from edge_agent.core.lights.tables import Override, Permit

PERMIT: Final = "permit"
LOCAL: Final = "local"
FALLBACK: Final = "fallback"
PHOTOCELL: Final = "photocell"


@dataclass(frozen=True, slots=True, kw_only=True)
class Background:
    """What holds for all circuits that nobody has taken.

    Attributes:
        level: Percent of the cabinet's light.
        dim: Percent that dimmable circuits burn at; None: full.
        reason: program, exception, photocell, dark_day, default or fallback.
        program: The calendar's program; empty without a clock.
        rule: The rule that chose it; empty for the default.
        until_ms: The next change, milliseconds since 1970 UTC; None if none is known.
    """

    level: int
    dim: int | None = None
    reason: str
    program: str = ""
    rule: str = ""
    until_ms: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Aim:
    """What a circuit should do, and why.

    Attributes:
        dim: Percent, of a circuit that can be dimmed; None: full.
        until_ms: When it will be decided anew, milliseconds since 1970 UTC; None if that is not known.
        at_once: Whether it is switched without the pause between circuits: people may be at the lamps.
    """

    is_on: bool
    dim: int | None = None
    reason: str
    until_ms: int | None = None
    at_once: bool = False


def aim_of(
    circuit: str,
    *,
    background: Background,
    overrides: Mapping[str, Override],
    permits: Mapping[str, Permit],
    is_local: bool,
    lit: Callable[[int], frozenset[str]],
) -> Aim:
    """Return what one circuit should do.

    While the switch in the door is not in automatic the relay decides nothing; it is still kept at what the others
    say, so that turning the switch back does not light or darken a street for a moment.

    Args:
        circuit: Its id.
        background: What holds if nobody has taken it.
        overrides: By circuit.
        permits: By circuit.
        is_local: Whether the switch in the door is out of automatic.
        lit: The circuits that burn at a level, by the calendar.
    """
    permit = permits.get(circuit)
    if permit is not None:
        return Aim(is_on=False, reason=PERMIT, until_ms=permit.until_ms, at_once=True)
    override = overrides.get(circuit)
    if override is None:
        aim = Aim(
            is_on=circuit in lit(background.level),
            dim=background.dim,
            reason=background.reason,
            until_ms=background.until_ms,
        )
    elif override.is_named:
        dim = override.level if 0 < override.level < 100 else None
        aim = Aim(is_on=override.level > 0, dim=dim, reason=f"override by {override.by}", until_ms=override.until_ms)
    else:
        is_on = circuit in lit(override.level)
        aim = Aim(is_on=is_on, reason=f"override by {override.by}", until_ms=override.until_ms)
    if is_local:
        return Aim(is_on=aim.is_on, dim=aim.dim, reason=LOCAL, until_ms=aim.until_ms)
    return aim


def without_clock(*, photocell_dark: bool | None) -> Background:
    """Return what holds while no time is known: the photocell's word, and light where there is none."""
    if photocell_dark is None:
        return Background(level=100, reason=FALLBACK)
    return Background(level=100 if photocell_dark else 0, reason=PHOTOCELL)
