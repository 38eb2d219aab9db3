"""Many who wait for a time, one timer."""

from __future__ import annotations

import asyncio
import math

from drivers.lines.memory import VirtualTime
from edge_agent.shell.wake_ups import WakeUps
from tests.golden.test_drivers_bus import VirtualLoop


def test_each_is_called_once_at_its_time_and_the_cancelled_never() -> None:
    called: list[tuple[str, float]] = []
    wake_ups = WakeUps()

    async def wait() -> None:
        loop = asyncio.get_running_loop()

        def note(name: str) -> None:
            called.append((name, round(loop.time(), 3)))

        entries = {
            name: wake_ups.at(when_s, lambda name=name: note(name))  # type: ignore[misc]  # a bound default
            for name, when_s in {"c": 3.0, "a": 1.0, "never": math.inf, "b": 1.0, "gone": 0.5, "past": -1.0}.items()
        }
        entries["gone"].cancel()
        await asyncio.sleep(2.0)
        entries["a"].cancel()
        wake_ups.at(2.5, lambda: note("later"))
        await asyncio.sleep(10.0)

    for _ in range(2):
        # The second time in another event loop, as after a run that was cancelled.
        called.clear()
        with asyncio.Runner(loop_factory=lambda: VirtualLoop(VirtualTime())) as runner:
            runner.run(wait())
        assert called == [("past", 0.0), ("a", 1.0), ("b", 1.0), ("later", 2.5), ("c", 3.0)]


def test_who_waited_in_a_loop_that_ended_is_not_called_in_the_next() -> None:
    wake_ups = WakeUps()
    called: list[str] = []

    async def leave() -> None:
        wake_ups.at(5.0, lambda: called.append("old"))

    async def stay() -> None:
        wake_ups.at(6.0, lambda: called.append("new"))
        await asyncio.sleep(20)

    for part in (leave, stay):
        with asyncio.Runner(loop_factory=lambda: VirtualLoop(VirtualTime())) as runner:
            runner.run(part())
    assert called == ["new"]
