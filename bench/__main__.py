"""`make bench`, or `python -m bench [NAME …]`: run the benchmarks, print and judge their figures."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from typing import Any, Final

from bench import city, faults, faulty_field, flash, fleet, poll_tcp, silent_unit, wire_rtu

BENCHMARKS: Final[dict[str, Callable[[], dict[str, Any]]]] = {
    "poll_tcp": poll_tcp.run,
    "wire_rtu": wire_rtu.run,
    "silent_unit": silent_unit.run,
    "flash": flash.run,
    "faults": faults.run,
    "faulty_field": faulty_field.run,
    "city": city.run,
    "fleet": fleet.run,
}


def missed(name: str, result: dict[str, Any]) -> list[str]:
    """Return the limits that a result does not keep."""
    checks = {
        "poll_tcp": [
            ("CPU a point against the script", result.get("ratio", 0) <= result.get("limit_ratio", 0)),
            ("RSS", result.get("agent_rss_mb", 0) <= result.get("limit_rss_mb", 0)),
        ],
        "wire_rtu": [
            ("share of the wire", result.get("agent_share_of_wire", 0) >= result.get("limit_share_of_wire", 0)),
            ("early requests", result.get("agent_early_requests", 1) <= result.get("limit_early_requests", 0)),
        ],
        "silent_unit": [
            ("share of the wire", result.get("agent_share_of_wire", 0) >= result.get("limit_share_of_wire", 0)),
            ("the others' rate", result.get("tcp_rate_ratio", 0) >= result.get("limit_rate_ratio", 1)),
            ("the others' jitter", result.get("tcp_jitter_ratio", 9) <= result.get("limit_jitter_ratio", 0)),
        ],
        # A figure for the operator, not a limit: what a card bears differs by a factor of a hundred.
        "flash": [],
        "faults": [("lost, duplicates, changed", result.get("wrong", 1) == 0)],
        "faulty_field": [
            ("wrong values", result.get("wrong", 1) == 0),
            ("faults with another cause", not result.get("misnamed", {"unknown": 1})),
        ],
        "city": [
            ("CPU a point of a city", result.get("city_ratio", 9) <= result.get("limit_city_ratio", 0)),
            ("CPU a point as fast as possible", result.get("fast_ratio", 9) <= result.get("limit_fast_ratio", 0)),
            ("read to MQTT", result.get("read_to_mqtt_p50_ms", 99) <= result.get("limit_p50_ms", 0)),
        ],
        "fleet": [
            ("every gateway answers", result.get("answered", 0) == result.get("gateways", -1)),
            ("the answer's time", result.get("p99_s", 99) <= result.get("limit_p99_s", 0)),
        ],
    }
    return [what for what, kept in checks[name] if not kept]


def main(names: list[str]) -> int:
    """Run the named benchmarks, all if none is named; return 1 if a limit is missed."""
    code = 0
    for name in names or list(BENCHMARKS):
        result = BENCHMARKS[name]()
        print(f"{name}: {json.dumps(result)}", flush=True)
        for what in missed(name, result):
            print(f"{name}: MISSED {what}", flush=True)
            code = 1
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
