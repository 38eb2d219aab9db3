"""Every transport and every fault of the simulator, 10,000 reads each, in virtual time: `python -m bench.faulty_field`.

Counted, not timed: wrong values, and faults that became another cause than theirs. The reads and the devices are those
of `tests/unit/field/counted_faults.py` (what goes over the line) and `counted_values.py` (sentinels, drift, flat lines,
a pulled adapter); the numbers do not depend on the machine.
"""

from __future__ import annotations

import json
import sys
from typing import Any, Final

from tests.unit.field.counted_faults import all_cases, count
from tests.unit.field.counted_values import WRONGS, count_values

READS: Final = 10_000


def run(reads: int = READS, seed: int = 1) -> dict[str, Any]:
    """Return the wrong values, the misnamed faults, and what each case gave."""
    results = [count(case, reads, seed) for case in all_cases()]
    measured = {wrong: count_values(wrong, reads, seed) for wrong in WRONGS}
    outcomes_of = {result.case.name: result.outcomes for result in results}
    outcomes_of |= {wrong: result.outcomes for wrong, result in measured.items()}
    return {
        "reads_of_each": reads,
        "cases": len(results) + len(measured),
        "reads": sum(outcomes.total() for outcomes in outcomes_of.values()),
        "faults": sum(result.faults for result in results),
        "wrong": sum(result.wrong for result in results) + sum(result.wrong for result in measured.values()),
        "misnamed": {result.case.name: result.misnamed for result in results if result.misnamed}
        | {wrong: result.misnamed for wrong, result in measured.items() if result.misnamed},
        "outcomes": {name: dict(sorted(outcomes.items())) for name, outcomes in outcomes_of.items()},
    }


if __name__ == "__main__":
    print(json.dumps(run(int(sys.argv[1]) if len(sys.argv) > 1 else READS), indent=2))
