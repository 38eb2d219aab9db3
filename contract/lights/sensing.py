"""What light sensors say, and when they are no longer believed. Times are seconds of a clock that never steps."""

from __future__ import annotations

from typing import Final

from contract.lights.document import DarkDay, SensorRules

SILENT_AFTER_S: Final = 900.0
"""A sensor that gave nothing for this long says nothing: lux are polled each minute or faster."""


class _Believed:
    """Tells a sensor that lives from one that is stuck or silent."""

    def __init__(self, failed_after_h: float) -> None:
        self._failed_after_s = failed_after_h * 3600
        self._value: float | None = None
        self._changed_s: float | None = None
        self._seen_s: float | None = None

    def observe(self, value: float | None, at_s: float) -> None:
        if value is None:
            self._seen_s = None
            return
        if value != self._value or self._changed_s is None:
            self._value, self._changed_s = value, at_s
        self._seen_s = at_s

    def holds(self, at_s: float) -> bool:
        if self._seen_s is None or self._changed_s is None:
            return False
        return at_s - self._seen_s < SILENT_AFTER_S and at_s - self._changed_s < self._failed_after_s


class _Threshold:
    """Dark below one lux, bright above another, each for a while; between them it stays as it was."""

    def __init__(self, rules: DarkDay) -> None:
        self._rules = rules
        self._is_dark = False
        self._since_s: float | None = None

    def observe(self, lux: float | None, at_s: float) -> None:
        """Take a sample; a missing one begins the waiting anew."""
        self._settle(at_s)
        turns = lux is not None and (
            lux > self._rules.off_above_lux if self._is_dark else lux < self._rules.on_below_lux
        )
        if not turns:
            self._since_s = None
        elif self._since_s is None:
            self._since_s = at_s
        self._settle(at_s)

    def is_dark(self, at_s: float) -> bool:
        self._settle(at_s)
        return self._is_dark

    def _settle(self, at_s: float) -> None:
        if self._since_s is not None and at_s - self._since_s >= self._rules.hold_s:
            self._is_dark, self._since_s = not self._is_dark, None


class DarkDayJudge:
    """Judges by a lux meter whether the day is dark."""

    def __init__(self, rules: SensorRules) -> None:
        self._threshold = _Threshold(rules.dark_day or DarkDay())
        self._believed = _Believed(rules.failed_after_h)

    def observe(self, value: float | None, at_s: float) -> None:
        """Take a sample.

        Args:
            value: Lux; None: the sensor gave none.
            at_s: Seconds, rising.
        """
        self._threshold.observe(value, at_s)
        self._believed.observe(value, at_s)

    def state(self, at_s: float) -> bool | None:
        """Return whether it is dark; None while the sensor is not known, silent, or has not changed for too long."""
        return self._threshold.is_dark(at_s) if self._believed.holds(at_s) else None


class PhotocellJudge:
    """Judges by a photocell's contact, or by a lux meter in its place, whether dusk has come."""

    def __init__(self, rules: SensorRules) -> None:
        self._threshold = _Threshold(rules.dark_day or DarkDay())
        self._believed = _Believed(rules.failed_after_h)
        self._contact: bool | None = None

    def observe(self, value: bool | float | None, at_s: float) -> None:
        """Take a sample.

        Args:
            value: A contact's "it is dark", or lux; None: the sensor gave none.
            at_s: Seconds, rising.
        """
        if isinstance(value, bool):
            self._contact = value
        else:
            self._contact = None if value is not None else self._contact
            self._threshold.observe(value, at_s)
        self._believed.observe(None if value is None else float(value), at_s)

    def state(self, at_s: float) -> bool | None:
        """Return whether it is dark; None while the sensor is not known, silent, or has not changed for too long."""
        if not self._believed.holds(at_s):
            return None
        return self._threshold.is_dark(at_s) if self._contact is None else self._contact
