"""The states of an alarm (ISA-18.2-2016, figure 2) as one table; docs/alarms.md is drawn from it."""

from __future__ import annotations

from enum import StrEnum
from typing import Final


class AlarmState(StrEnum):
    """Where an alarm stands between the process and the people."""

    NORMAL = "normal"
    UNACKED = "unacked"
    ACKED = "acked"
    RTN_UNACKED = "rtn_unacked"
    SHELVED = "shelved"
    SUPPRESSED = "suppressed"
    OUT_OF_SERVICE = "out_of_service"


class Trigger(StrEnum):
    """What moves an alarm. `…_active` and `…_normal`: what the condition was when it was let go."""

    RAISE = "raise"
    CLEAR = "clear"
    ACKNOWLEDGE = "acknowledge"
    SHELVE = "shelve"
    UNSHELVE_ACTIVE = "unshelve_active"
    UNSHELVE_NORMAL = "unshelve_normal"
    SUPPRESS = "suppress"
    UNSUPPRESS_ACTIVE = "unsuppress_active"
    UNSUPPRESS_NORMAL = "unsuppress_normal"
    REMOVE = "remove"
    RETURN_ACTIVE = "return_active"
    RETURN_NORMAL = "return_normal"


_S, _T = AlarmState, Trigger
_ANNUNCIATED: Final = (_S.NORMAL, _S.UNACKED, _S.ACKED, _S.RTN_UNACKED)
_SILENT: Final = (_S.SHELVED, _S.SUPPRESSED, _S.OUT_OF_SERVICE)

TRANSITIONS: Final[dict[tuple[AlarmState, Trigger], AlarmState]] = {
    (_S.NORMAL, _T.RAISE): _S.UNACKED,
    (_S.UNACKED, _T.ACKNOWLEDGE): _S.ACKED,
    (_S.UNACKED, _T.CLEAR): _S.RTN_UNACKED,
    (_S.ACKED, _T.CLEAR): _S.NORMAL,
    (_S.RTN_UNACKED, _T.ACKNOWLEDGE): _S.NORMAL,
    (_S.RTN_UNACKED, _T.RAISE): _S.UNACKED,
    # A hidden alarm is still evaluated: its condition comes and goes, its state stays until it is let go.
    **{(state, trigger): state for state in _SILENT for trigger in (_T.RAISE, _T.CLEAR)},
    **{(state, _T.SHELVE): _S.SHELVED for state in _ANNUNCIATED},
    **{(state, _T.SUPPRESS): _S.SUPPRESSED for state in _ANNUNCIATED},
    **{(state, _T.REMOVE): _S.OUT_OF_SERVICE for state in (*_ANNUNCIATED, _S.SHELVED, _S.SUPPRESSED)},
    (_S.SHELVED, _T.UNSHELVE_ACTIVE): _S.UNACKED,
    (_S.SHELVED, _T.UNSHELVE_NORMAL): _S.NORMAL,
    (_S.SUPPRESSED, _T.UNSUPPRESS_ACTIVE): _S.UNACKED,
    (_S.SUPPRESSED, _T.UNSUPPRESS_NORMAL): _S.NORMAL,
    (_S.OUT_OF_SERVICE, _T.RETURN_ACTIVE): _S.UNACKED,
    (_S.OUT_OF_SERVICE, _T.RETURN_NORMAL): _S.NORMAL,
}
"""Every move that exists; anything else leaves the alarm as it is."""


def after(state: AlarmState, trigger: Trigger) -> AlarmState:
    """Return the state that a trigger leads to; the same one where the table has no move."""
    return TRANSITIONS.get((state, trigger), state)


def drawn() -> str:
    """Return the table as a Markdown table and a Mermaid state diagram."""
    rows = ["| state | trigger | next state |", "|---|---|---|"]
    rows += [f"| {state} | {trigger} | {target} |" for (state, trigger), target in TRANSITIONS.items()]
    merged: dict[tuple[AlarmState, AlarmState], list[str]] = {}
    for (state, trigger), target in TRANSITIONS.items():
        if state is not target:
            merged.setdefault((state, target), []).append(trigger)
    diagram = ["```mermaid", "stateDiagram-v2", "    [*] --> normal"]
    diagram += [f"    {state} --> {target}: {', '.join(names)}" for (state, target), names in merged.items()]
    return "\n".join([*rows, "", *diagram, "```", ""])
