"""Time-outs by one timer."""

from __future__ import annotations

import asyncio

from drivers.lines.deadlines import Deadlines
from drivers.lines.memory import VirtualTime
from tests.golden.test_drivers_bus import VirtualLoop


class Line:
    def __init__(self, times: list[tuple[str, float]], name: str) -> None:
        self.times, self.name = times, name

    def expired(self) -> None:
        self.times.append((self.name, round(asyncio.get_running_loop().time(), 3)))


def _times(*asked: tuple[str, float, float, float | None]) -> list[tuple[str, float]]:
    """Return who expired when; asked: name, when it begins, how long it waits, when its answer comes."""
    times: list[tuple[str, float]] = []
    deadlines = Deadlines()

    async def ask(name: str, begin_s: float, timeout_s: float, answer_s: float | None) -> None:
        line = Line(times, name)
        await asyncio.sleep(begin_s)
        deadlines.watch(line, begin_s + timeout_s, asyncio.get_running_loop())
        if answer_s is not None:
            await asyncio.sleep(answer_s - begin_s)
            deadlines.forget(line)

    async def all_of_them() -> None:
        await asyncio.gather(*(ask(*one) for one in asked))
        await asyncio.sleep(100)

    for _ in range(2):
        # The same object serves another event loop later.
        times.clear()
        with asyncio.Runner(loop_factory=lambda: VirtualLoop(VirtualTime())) as runner:
            runner.run(all_of_them())
    return times


def test_each_expires_at_its_own_time_whatever_the_order() -> None:
    asked = [("a", 0.0, 5.0, None), ("b", 1.0, 1.0, None), ("c", 1.5, 30.0, None), ("d", 1.6, 0.1, None)]
    assert _times(*asked) == [("d", 1.7), ("b", 2.0), ("a", 5.0), ("c", 31.5)]


def test_who_got_an_answer_does_not_expire_and_delays_nobody() -> None:
    asked = [("a", 0.0, 1.0, 0.5), ("b", 0.7, 1.0, None), ("c", 0.8, 1.0, 1.0), ("d", 0.2, 0.1, 0.25)]
    assert _times(*asked) == [("b", 1.7)]


def test_two_with_one_deadline_both_expire() -> None:
    assert _times(("a", 0.0, 2.0, None), ("b", 1.0, 1.0, None)) == [("a", 2.0), ("b", 2.0)]
