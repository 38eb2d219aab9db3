"""What `edge-agent lights` and `edge-agent status` show of the lights, as JSON."""

from __future__ import annotations

from typing import Any

from edge_agent.core.lights.circuits import Circuit
from edge_agent.shell.lights import Lights


def lights_status(lights: Lights, now_ms: int | None) -> dict[str, Any]:
    """Return the lights as a whole and each circuit; times in milliseconds since 1970 UTC.

    Args:
        lights: The lights.
        now_ms: The trusted time; None while it is not known.
    """
    background, going = lights.background, lights.backdrop.going
    return {
        "now_ms": now_ms,
        "timezone": going.place.timezone,
        "calendar": {"name": going.calendar.name, "rev": going.rev, "hash": going.hash, "problem": going.problem},
        "level": background.level if background else None,
        "reason": lights.reason,
        "program": background.program if background else "",
        "rule": background.rule if background else "",
        "until_ms": background.until_ms if background else None,
        "lamps_due": lights.backdrop.lamps_due(now_ms, background) if background else None,
        "selector_local": lights.machine.is_local,
        "supply": lights.machine.has_supply,
        "permits": [
            {
                "circuit": one.circuit,
                "by": one.by,
                "reason": one.reason,
                "since_ms": one.since_ms,
                "until_ms": one.until_ms,
                "overdue": one.is_overdue(now_ms),
            }
            for one in lights.permits.values()
        ],
        "circuits": [_circuit(lights, circuit) for circuit in lights.machine.by_id.values()],
    }


def _circuit(lights: Lights, circuit: Circuit) -> dict[str, Any]:
    name, aim, proof = circuit.rules.id, circuit.aim, circuit.proof
    override = lights.overrides.get(name)
    return {
        "id": name,
        "wanted": aim.is_on if aim else None,
        "dim": circuit.dimmer.shown if circuit.dimmer else None,
        "reason": aim.reason if aim else "starting",
        "until_ms": aim.until_ms if aim else None,
        "output": circuit.output.point,
        "relay": circuit.output.shown,
        "actual": circuit.actual(),
        "proof": proof.state,
        "cause": proof.cause,
        "feedback": proof.feedback,
        "power_w": None if proof.power_w is None else round(proof.power_w, 1),
        "held_back": lights.held_back(name),
        "on_hours": round(circuit.ledger.on_s / 3600, 2),
        "switch_count": circuit.ledger.switches,
        "override": None
        if override is None
        else {
            "by": override.by,
            "reason": override.reason,
            "level": override.level,
            "until_ms": override.until_ms,
        },
    }
