"""`python -m firmware_sim.demo [--keep] [--lang vi]`: see `make demo`."""

from __future__ import annotations

import os
import signal
from typing import NoReturn


def _leave(number: int, _frame: object) -> NoReturn:
    """End at once: while modules are imported nothing has been started that would have to be stopped."""
    os.write(2, b"\ninterrupted\n")
    os._exit(128 + number)


if __name__ == "__main__":
    if signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:
        signal.signal(signal.SIGINT, _leave)
    from firmware_sim.demo.command import main

    main()
