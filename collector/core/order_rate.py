"""How many orders, and how many gateways by them, a user may command."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(slots=True)
class _Allowance:
    per_minute: int
    left: float = field(init=False)
    at_ms: int | None = None

    def __post_init__(self) -> None:
        self.left = float(self.per_minute)

    def refill(self, now_ms: int) -> None:
        # A clock that was set back gives nothing and takes nothing.
        passed_ms = 0 if self.at_ms is None else max(0, now_ms - self.at_ms)
        self.left = min(float(self.per_minute), self.left + passed_ms / 60_000 * self.per_minute)
        self.at_ms = now_ms

    def wait_s(self, amount: float) -> float:
        """Return how long until there is so much; more than a minute's worth is what a full allowance lets go."""
        missing = min(amount, float(self.per_minute)) - self.left
        return max(0.0, missing * 60.0 / self.per_minute)


class OrderRate:
    """Allows a minute's worth at once, and so much a minute in the long run, to each user.

    Args:
        orders_per_minute: Orders of one user.
        gateways_per_minute: Gateways that these orders address.
    """

    def __init__(self, *, orders_per_minute: int, gateways_per_minute: int) -> None:
        self._limits = (orders_per_minute, gateways_per_minute)
        self._allowances: dict[str, tuple[_Allowance, _Allowance]] = {}

    def take(self, user: str, gateways: int, now_ms: int) -> float:
        """Return 0.0 and count the order, or the seconds after which it may come again.

        Args:
            user: Of the configuration, so that their number is bounded.
            gateways: How many the order addresses. One that addresses more than a minute's worth waits for a full
                allowance and leaves a debt.
            now_ms: The clock, milliseconds.
        """
        allowances = self._allowances.setdefault(user, (_Allowance(self._limits[0]), _Allowance(self._limits[1])))
        amounts = (1, gateways)
        for allowance in allowances:
            allowance.refill(now_ms)
        wait_s = max(allowance.wait_s(amount) for allowance, amount in zip(allowances, amounts, strict=True))
        if wait_s > 0:
            return wait_s
        for allowance, amount in zip(allowances, amounts, strict=True):
            allowance.left -= amount
        return 0.0
