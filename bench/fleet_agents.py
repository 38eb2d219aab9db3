"""Several gateways' agents in one process: `python -m bench.fleet_agents CONFIG…`.

Each is the agent as `edge-agent run` builds it, with its own configuration, spool, journal and connection; a process
for each of 261 would take 15 GB. What they share here and nowhere else: the event loop, the parsed profiles, equal
calendars and places, and the signal that ends them.
"""

from __future__ import annotations

import asyncio
import functools
import gc
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVarTuple

import config.profile
from edge_agent.app import build_agent
from edge_agent.shell.loaded import Loaded, load
from edge_agent.shell.log import configure_logging

_Ts = TypeVarTuple("_Ts")


class SharedSignals(asyncio.SelectorEventLoop):
    """Gives a signal to everybody who asked for it: each agent asks, and the last one alone would get it."""

    def __init__(self) -> None:
        super().__init__()
        self._asked: dict[int, list[Callable[[], object]]] = {}

    def add_signal_handler(self, sig: int, callback: Callable[[*_Ts], object], *args: *_Ts) -> None:
        self._asked.setdefault(sig, []).append(functools.partial(callback, *args))
        super().add_signal_handler(sig, self._tell, sig)

    def _tell(self, sig: int) -> None:
        for callback in self._asked[sig]:
            callback()


def loaded(file: Path, known: dict[object, Any]) -> Loaded:
    """Load one gateway; its calendar and place are those of the others where they are equal.

    What was worked out from them is kept by them, and a look that finds equal ones that are not the same compares them
    whole: a cost that an agent alone does not have.
    """
    one = load(file)
    place = known.setdefault(one.config.place, one.config.place)
    schedule = known.setdefault(one.schedule, one.schedule)
    return replace(one, config=one.config.model_copy(update={"place": place}), schedule=schedule)


async def run(files: list[Path]) -> None:
    known: dict[object, Any] = {}
    agents = [build_agent(loaded(file, known)) for file in files]
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)
    print("ready", flush=True)
    await asyncio.gather(*(agent.run() for agent in agents))


def main() -> None:
    configure_logging()
    # A profile takes a third of a second to read, and 261 gateways have the same three.
    config.profile._load = functools.cache(config.profile._load)  # noqa: SLF001 - the one place where it can be shared
    with asyncio.Runner(loop_factory=SharedSignals) as runner:
        runner.run(run([Path(file) for file in sys.argv[1:]]))


if __name__ == "__main__":
    main()
