"""Orders on their way to gateways: whom to send to, what came back, and when to give up. Time is an argument."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final, Literal

from contract.command import Result, ResultState

RESEND_MS: Final = (5_000, 10_000, 20_000, 40_000, 60_000)
"""Silence after which a command is sent again, by how often it was sent; the last for all further ones."""
ASK_AGAIN_MS: Final = 60_000
"""An accepted command whose end is not told is asked for this often: the gateway answers a known id from its record."""
GRACE_MS: Final = 180_000
"""After `not_after` a command that was sent may still end: 32 circuits, 4 s apart, and their proof."""
RETRIED: Final = frozenset({"other_connection", "clock_not_synchronised"})
"""Rejections of the moment, not of the command: it is offered again until it expires."""
MAX_OPEN_ORDERS: Final = 1_000
MAX_OPEN_ANSWERS: Final = 100_000


class AnswerState(StrEnum):
    """Where a command to one gateway stands.

    `waiting`: not sent yet, the gateway is away. `sent`: no answer yet. `accepted`: it has begun. The others are the
    end; `unknown`: it was sent, and the gateway never told what became of it.
    """

    WAITING = "waiting"
    SENT = "sent"
    ACCEPTED = "accepted"
    DONE = "done"
    REJECTED = "rejected"
    EXPIRED = "expired"
    FAILED = "failed"
    UNKNOWN = "unknown"


ENDED: Final = frozenset(AnswerState) - {AnswerState.WAITING, AnswerState.SENT, AnswerState.ACCEPTED}
_STATE_OF: Final = {
    ResultState.ACCEPTED: AnswerState.ACCEPTED,
    ResultState.DONE: AnswerState.DONE,
    ResultState.REJECTED: AnswerState.REJECTED,
    ResultState.EXPIRED: AnswerState.EXPIRED,
    ResultState.FAILED: AnswerState.FAILED,
}


@dataclass(slots=True, kw_only=True)
class Answer:
    """What is known of one gateway's part.

    Attributes:
        circuits: What the command names; none: all of the gateway's.
        cabinets: Which of the inventory's it concerns.
        reason: Why it did not end well, in the gateway's or our own fixed words.
        outcome: Circuit to what became of it, as the gateway told.
        sent: How often it was sent.
        sent_ms: When it was last sent.
        nonce: Of the connection that it was last sent to.
    """

    gateway: str
    circuits: tuple[str, ...] = ()
    cabinets: tuple[str, ...] = ()
    state: AnswerState = AnswerState.WAITING
    reason: str = ""
    outcome: dict[str, Any] = field(default_factory=dict)
    sent: int = 0
    sent_ms: int = 0
    nonce: str = ""
    changed_ms: int = 0

    @property
    def ended(self) -> bool:
        """Whether nothing more can come of it."""
        return self.state in ENDED


@dataclass(slots=True, kw_only=True)
class Order:
    """One command of one user to any number of gateways.

    Attributes:
        id: The ULID that every gateway gets it by.
        op: An operation of the contract.
        arguments: All of its arguments but the circuits.
        not_after_ms: Past it no gateway begins.
        refused: Cabinet to the cause for which it was not sent there at all.
    """

    id: str
    op: str
    arguments: dict[str, Any]
    reason: str
    by: str
    created_ms: int
    not_after_ms: int
    answers: dict[str, Answer]
    refused: dict[str, str] = field(default_factory=dict)

    @property
    def ended(self) -> bool:
        """Whether every gateway's part has."""
        return all(answer.ended for answer in self.answers.values())

    def counts(self) -> dict[AnswerState, int]:
        """Return how many gateways are in which state; all states are there."""
        counts = dict.fromkeys(AnswerState, 0)
        for answer in self.answers.values():
            counts[answer.state] += 1
        return counts


@dataclass(frozen=True, slots=True)
class Sending:
    """One command that should go out now."""

    order: Order
    answer: Answer
    nonce: str


Oddity = Literal["unknown_id", "not_asked", "after_the_end"]


class OrderBook:
    """All orders that have not ended, and the present connection of each gateway.

    Args:
        orders: Of an earlier run. What became of them meanwhile was told to nobody, so all of them are asked again.
    """

    def __init__(self, orders: Iterable[Order] = ()) -> None:
        self._orders: dict[str, Order] = {order.id: order for order in orders}
        for order in self._orders.values():
            for answer in order.answers.values():
                answer.nonce = ""
        self._nonces: dict[str, str] = {}

    def has_room(self, answers: int) -> bool:
        """Return whether another order to so many gateways can be taken."""
        waiting = sum(len(order.answers) for order in self._orders.values())
        return len(self._orders) < MAX_OPEN_ORDERS and waiting + answers <= MAX_OPEN_ANSWERS

    def add(self, order: Order) -> None:
        """Take a new order; it must have been written down before."""
        self._orders[order.id] = order

    def order(self, order_id: str) -> Order | None:
        """Return an order that has not ended."""
        return self._orders.get(order_id)

    def orders(self) -> tuple[Order, ...]:
        """Return all that have not ended."""
        return tuple(self._orders.values())

    def is_connected(self, gateway: str) -> bool:
        """Return whether a gateway can be commanded now."""
        return gateway in self._nonces

    def presence(self, gateway: str, nonce: str | None) -> None:
        """Note a gateway's present connection; None: it has none."""
        if nonce:
            self._nonces[gateway] = nonce
        else:
            self._nonces.pop(gateway, None)

    def lost_broker(self) -> None:
        """Forget every connection: each is told again with the next one to the broker."""
        self._nonces.clear()

    def due(self, now_ms: int) -> Iterator[Sending]:
        """Yield what should be sent now; older orders first, since a gateway refuses what is older than its newest."""
        for order in sorted(self._orders.values(), key=lambda each: each.id):
            for answer in order.answers.values():
                nonce = self._nonces.get(answer.gateway)
                if nonce is not None and not answer.ended and _is_due(order, answer, nonce, now_ms):
                    yield Sending(order, answer, nonce)

    def sent(self, sending: Sending, now_ms: int) -> None:
        """Note that it went out."""
        answer = sending.answer
        answer.sent += 1
        answer.sent_ms, answer.nonce = now_ms, sending.nonce
        if answer.state is AnswerState.WAITING:
            answer.state, answer.changed_ms = AnswerState.SENT, now_ms

    def result(self, gateway: str, result: Result, now_ms: int) -> Answer | Oddity | None:
        """Take what a gateway says; return its part if that changed, or what is odd about it."""
        order = self._orders.get(result.id)
        if order is None:
            return "unknown_id"
        answer = order.answers.get(gateway)
        if answer is None:
            return "not_asked"
        state = _STATE_OF[result.state]
        if answer.ended:
            return None if state in {answer.state, AnswerState.ACCEPTED} else "after_the_end"
        if answer.sent == 0:
            # It was never sent there: no honest gateway can know of it.
            return "not_asked"
        if state is AnswerState.ACCEPTED and answer.state is AnswerState.ACCEPTED:
            return None
        answer.reason = result.reason
        if state is AnswerState.REJECTED and result.reason in RETRIED:
            state = AnswerState.SENT
        if result.circuits is not None:
            answer.outcome = {name: circuit.model_dump(mode="json") for name, circuit in list(result.circuits.items())}
        answer.state, answer.changed_ms = state, now_ms
        return answer

    def tick(self, now_ms: int) -> list[Answer]:
        """Give up what is past its time; return the parts that ended by it."""
        given_up: list[Answer] = []
        for order in self._orders.values():
            for answer in order.answers.values():
                if answer.ended:
                    continue
                if answer.state is AnswerState.WAITING and now_ms > order.not_after_ms:
                    answer.state, answer.reason = AnswerState.EXPIRED, answer.reason or "gateway_away"
                elif now_ms > order.not_after_ms + GRACE_MS:
                    answer.state, answer.reason = AnswerState.UNKNOWN, answer.reason or "no_answer"
                else:
                    continue
                answer.changed_ms = now_ms
                given_up.append(answer)
        return given_up

    def take_ended(self) -> list[Order]:
        """Remove and return the orders that ended."""
        ended = [order for order in self._orders.values() if order.ended]
        for order in ended:
            del self._orders[order.id]
        return ended


def _is_due(order: Order, answer: Answer, nonce: str, now_ms: int) -> bool:
    if answer.sent == 0:
        return now_ms <= order.not_after_ms
    if now_ms > order.not_after_ms + GRACE_MS:
        return False
    # A clock that was set back must not keep a command from being sent again.
    silent_ms = abs(now_ms - answer.sent_ms)
    if answer.nonce != nonce:
        return silent_ms >= RESEND_MS[0] // 5
    if answer.state is AnswerState.ACCEPTED:
        return silent_ms >= ASK_AGAIN_MS
    return silent_ms >= RESEND_MS[min(answer.sent, len(RESEND_MS)) - 1]
