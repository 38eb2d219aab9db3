"""Every transport and every fault of the simulator, 10,000 reads each, in virtual time: `python -m bench.faulty_field`.

Counted, not timed: wrong values, and faults that became another cause than theirs. The reads and the device are those
of `tests/unit/field/counted_faults.py`; the numbers do not depend on the machine.
"""

from __future__ import annotations

import json
import sys
from typing import Any, Final

from tests.unit.field.counted_faults import all_cases, count

READS: Final = 10_000


def run(reads: int = READS, seed: int = 1) -> dict[str, Any]:
    """Return the wrong values, the misnamed faults, and what each case gave."""
    results = [count(case, reads, seed) for case in all_cases()]
    return {
        "reads_of_each": reads,
        "cases": len(results),
        "reads": sum(result.outcomes.total() for result in results),
        "faults": sum(result.faults for result in results),
        "wrong": sum(result.wrong for result in results),
        "misnamed": {result.case.name: result.misnamed for result in results if result.misnamed},
        "outcomes": {result.case.name: dict(sorted(result.outcomes.items())) for result in results},
    }


if __name__ == "__main__":
    print(json.dumps(run(int(sys.argv[1]) if len(sys.argv) > 1 else READS), indent=2))
