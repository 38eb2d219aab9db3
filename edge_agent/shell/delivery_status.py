"""What `edge-agent status` shows of delivery."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from contract.batch import ClockState
from edge_agent.core.delivery_rows import Rank
from edge_agent.shell.spool import Spool
from edge_agent.shell.uplink import Uplink


def delivery_status(
    *,
    spool: Spool,
    uplink: Uplink,
    clock: ClockState,
    now_ms: int | None,
    live: int,
    passes: int,
    metrics: Mapping[str, int],
) -> dict[str, object]:
    """Return the state of spool, clock and uplink, from counters that are kept with each commit.

    Args:
        spool: The spool.
        uplink: The connection.
        clock: How times are fixed now.
        now_ms: Milliseconds since 1970 UTC, None before the time is known.
        live: Batches of the last ten seconds that are not confirmed.
        passes: Completed passes.
        metrics: Counted since the start.
    """
    counters = spool.counters
    rows = sum(counters.rows.values())
    age_s = None if counters.oldest_ms is None or now_ms is None else max(0, now_ms - counters.oldest_ms) / 1000
    return {
        "connected": uplink.is_connected.is_set(),
        "broker": uplink.address,
        "broker_reason": uplink.reason,
        "broker_problem": uplink.problem,
        "epoch": spool.live.epoch,
        "clock": clock.value,
        "passes": passes,
        "spool": {
            "rows": {rank.name.lower(): counters.rows[rank] for rank in Rank},
            "bytes": counters.bytes,
            "held": counters.held,
            "oldest_age_s": age_s,
            "failure": spool.failure,
            "unkept_rows": counters.unkept_rows,
            "evicted_batches": counters.evicted,
            "evicted_readings": counters.evicted_readings,
            "commits": counters.commits,
            "errors": counters.errors,
            "corrupt_rows": counters.corrupt_rows,
            "set_aside": counters.set_aside,
            "salvaged": counters.salvaged,
        },
        "live_unconfirmed": live,
        "history_backlog": max(0, rows - live),
        "denied": [
            {"topic": topic, "reason": reason, "count": count} for (topic, reason), count in uplink.denied.items()
        ],
        "metrics": dict(Counter(metrics) + uplink.metrics),
    }
