"""Which calendar each gateway is to run by, and what it says it runs by."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Literal

OWN_FILE: Final = 0
"""The version that is no calendar of the centre: the gateway goes by its own file."""
Standing = Literal["none", "waiting", "applied", "differs", "refused"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What the centre wants of one gateway.

    Attributes:
        rev: Of the want document.
        version: The number of the calendar at the centre; OWN_FILE for none.
        hash: Of the desired document, as the gateway reports it.
        rollout: Which rollout it belongs to; 0: none.
    """

    gateway: str
    rev: int
    version: int
    hash: str
    by: str
    reason: str
    at_ms: int
    rollout: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Reported:
    """What a gateway says of itself.

    Attributes:
        rev: The revision that it applied, 0: none.
        hash: Of what it goes by.
        refused_rev: The revision that it refused; None: it refused none.
        error_en: Why it refused the last want, in English; empty if it did not.
        error_vi: The same in Vietnamese.
    """

    rev: int
    hash: str
    applied_ms: int | None
    received_ms: int
    refused_rev: int | None = None
    error_en: str = ""
    error_vi: str = ""


def next_rev(own: int, reported: int) -> int:
    """Return the revision of a new want: above all that the centre or the gateway knows of."""
    return max(own, reported) + 1


def standing(wanted: Wanted | None, reported: Reported | None) -> Standing:
    """Return how a gateway stands to what is wanted of it.

    `waiting`: it has not said anything of this revision yet. `refused`: it cannot use it, and goes on by its last.
    `differs`: it has gone past this revision and runs by something else. Hashes decide, not revisions: a gateway whose
    memory was restored may hold the right document by another number.
    """
    if wanted is None:
        return "none"
    if reported is None:
        return "waiting"
    if reported.hash == wanted.hash or (wanted.version == OWN_FILE and reported.rev == wanted.rev):
        return "applied"
    if reported.refused_rev is not None and reported.refused_rev in {0, wanted.rev}:
        return "refused"
    return "waiting" if reported.rev < wanted.rev else "differs"


def told(wanted: Wanted | None, reported: Reported | None) -> str:
    """Return what an alarm says of a difference, in words of either language: revisions, or the gateway's own text."""
    state = standing(wanted, reported)
    if wanted is None or state in {"none", "applied"}:
        return ""
    if state == "refused" and reported is not None:
        return f"rev {wanted.rev}: {reported.error_vi or reported.error_en}"[:200]
    return f"rev {reported.rev if reported else 0} ≠ {wanted.rev}"


def before(history: Iterable[Wanted], current: Wanted) -> tuple[int, str] | None:
    """Return (version, hash) of what was wanted before the present calendar; None: nothing of the centre was.

    Args:
        history: Of one gateway, in any order.
        current: Its newest want.
    """
    earlier = [want for want in history if want.rev < current.rev and want.hash != current.hash]
    newest = max(earlier, key=lambda want: want.rev, default=None)
    return None if newest is None else (newest.version, newest.hash)
