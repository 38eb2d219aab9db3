"""Devices of a line that are set aside together: who is tried when one comes back."""

from __future__ import annotations

from dataclasses import dataclass

from edge_agent.core.breaker import LINE_SHARE, PROBE_SHARE, Breaker
from edge_agent.core.neighbours import Neighbours


@dataclass(eq=False)
class Device:
    probe_at_s: float | None = None
    tries: int = 0

    def try_soon(self) -> None:
        self.tries += 1


def test_the_one_that_would_wait_longest_is_tried_first_and_one_at_a_time() -> None:
    neighbours = Neighbours()
    devices = [Device(10.0), Device(99.0), Device(50.0)]
    for device in devices:
        neighbours.left(device)
        neighbours.left(device)
    assert len(neighbours) == 3
    neighbours.returned(devices[0])
    assert [device.tries for device in devices] == [0, 1, 0]
    neighbours.returned(devices[1])
    assert [device.tries for device in devices] == [0, 1, 1]
    neighbours.returned(devices[2])
    assert len(neighbours) == 0


def test_a_device_that_was_not_set_aside_hurries_nobody() -> None:
    neighbours, waiting = Neighbours(), Device(99.0)
    neighbours.left(waiting)
    neighbours.returned(Device())
    assert waiting.tries == 0


def test_many_dead_devices_together_take_a_fifth_of_their_line() -> None:
    for dead in (1, 2, 4, 5, 12, 31):
        breaker = Breaker()
        for second in range(10):
            breaker.fail(float(second), 1.0, dead)
        assert breaker.probe_at_s is not None
        share = 1.0 / (1.0 + breaker.probe_at_s - 9.0)
        assert share <= 1 / (PROBE_SHARE + 1)
        assert dead * share <= 1 / LINE_SHARE + 1e-9


def test_a_hurry_brings_a_probe_forward_and_never_puts_it_off() -> None:
    breaker = Breaker()
    breaker.hurry(0.0)
    assert breaker.probe_at_s is None
    for second in range(10):
        breaker.fail(float(second), 1.0)
    breaker.hurry(10.0)
    assert breaker.probe_at_s == 11.0
    breaker.hurry(10.5)
    assert breaker.probe_at_s == 11.0
