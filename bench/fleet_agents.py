"""Several gateways' agents in one process: `python -m bench.fleet_agents CONFIG…`.

Each is the agent as `edge-agent run` builds it, with its own configuration, spool, journal and connection; a process
for each of 261 would take 15 GB. What they share here and nowhere else: the event loop, the parsed profiles, and the
signal that ends them.
"""

from __future__ import annotations

import asyncio
import functools
import gc
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TypeVarTuple

import config.profile
from edge_agent.app import build_agent
from edge_agent.shell.loaded import load
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


async def run(files: list[Path]) -> None:
    agents = [build_agent(load(file)) for file in files]
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
