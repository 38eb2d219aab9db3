"""Requests about orders: what they would touch, carry them out, how far they have come, what the lamps do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from collector.core.authority import may, user_of
from collector.core.order_book import MAX_OPEN_ORDERS, Answer, Order
from collector.core.order_plan import Plan, plan_order
from collector.core.order_rate import OrderRate
from collector.core.selection import UnknownNamesError, select
from collector.core.token_bucket import TokenBucket
from collector.shell.command_service import CommandService
from collector.shell.command_store import AuditEntry
from collector.shell.control_requests import (
    AuditRequest,
    ListRequest,
    OrderRequest,
    PlanRequest,
    ProgressRequest,
    Selected,
    StatusRequest,
    read_request,
)
from collector.shell.lights_seen import LightsSeen
from collector.shell.permit_keeper import PermitKeeper
from collector.shell.refusal import Refused
from config.city import Cabinet, City
from config.collector import Commands, Operation, User
from contract.command_arguments import ARGUMENTS, MAX_OVERRIDE_MS

OPERATION_OF: Final[Mapping[str, Operation]] = {
    "override": "switch",
    "release": "switch",
    "read": "switch",
    "lamp_test": "switch",
    "permit": "permit",
}
SHORTEST_OVERRIDE_MS: Final = 60_000
DENIALS_PER_S: Final = 2.0
DENIAL_BURST: Final = 100.0
"""Denials that are written down: whoever hammers at the door must not fill the disk."""


class OrderRequests:
    """Judges and takes orders; all its methods run in the command service's thread."""

    def __init__(
        self, *, city: City, config: Commands, service: CommandService, seen: LightsSeen, permits: PermitKeeper
    ) -> None:
        """Register for the requests."""
        self.city = city
        self._config = config
        self._service = service
        self._seen = seen
        self._permits = permits
        self._rate = OrderRate(
            orders_per_minute=config.orders_per_minute, gateways_per_minute=config.gateways_per_minute
        )
        self._denials = TokenBucket(per_s=DENIALS_PER_S, burst=DENIAL_BURST)
        self._cabinets = {cabinet.id: cabinet for cabinet in city.cabinets}
        service.handle("plan", self._plan)
        service.handle("order", self._order)
        service.handle("progress", self._progress)
        service.handle("orders", self._orders)
        service.handle("audit", self._audit)
        service.handle("status", self._status)

    def user(self, account: str, operation: Operation, asked: Mapping[str, Any]) -> User:
        """Return who asks, if they may do this.

        Raises:
            Refused: Nobody's account, or the operation is not theirs; it is written down.
        """
        user = user_of(self._config.users, account)
        if user is not None and may(user, operation):
            return user
        code = "unknown_account" if user is None else "not_your_operation"
        name = user.name if user else ""
        if self._denials.take(self._service.now_ms()):
            facts = {"why": code, "operation": operation, "asked": dict(asked)}
            self._note(name, account, "denied", facts)
        self._service.events.note("api_auth_fail", reason=code, user=name or account, detail=operation)
        raise Refused(code, account=account, user=name, operation=operation)

    def chosen(self, request: Selected) -> tuple[Cabinet, ...]:
        """Return the cabinets that a request means.

        Raises:
            Refused: Unknown names, or none at all.
        """
        try:
            return select(self.city, request.criteria())
        except UnknownNamesError as error:
            unknown = [
                {"kind": name.kind, "name": name.name, "nearest": list(name.nearest)} for name in error.unknown[:20]
            ]
            raise Refused("unknown_names", names=unknown) from error
        except ValueError as error:
            raise Refused("nothing_chosen") from error

    def plan_for(self, request: Selected, user: User) -> Plan:
        """Return what an order to the chosen cabinets would touch."""
        keys = self._service.keys
        return plan_order(
            self.chosen(request),
            self.city.cabinets,
            user=user,
            has_key=lambda gateway: keys.key(gateway) is not None,
            circuits=request.circuits,
        )

    def checked(self, request: Selected, fingerprint: str, user: User) -> Plan:
        """Return the plan, if it is still the one that was shown and touches anything.

        Raises:
            Refused: It is not, or it does not.
        """
        plan = self.plan_for(request, user)
        if not plan.targets:
            raise Refused("nothing_to_touch", refused=dict(plan.refused))
        if plan.fingerprint != fingerprint:
            raise Refused("changed_since")
        return plan

    def spend(self, user: User, account: str, gateways: int, what: str) -> None:
        """Count what a user asks for.

        Raises:
            Refused: Too much within a minute; it is written down.
        """
        wait_s = self._rate.take(user.name, gateways, self._service.now_ms())
        if wait_s > 0:
            if self._denials.take(self._service.now_ms()):
                self._note(user.name, account, "denied", {"why": "too_many", "what": what, "gateways": gateways})
            self._service.events.note("cmd_rate", reason="too_many", user=user.name, detail=f"{what} {gateways}")
            raise Refused("too_many", wait_s=round(wait_s, 1))

    def told(self, plan: Plan, user: User) -> dict[str, Any]:
        """Return a plan for the command line."""
        circuits = {target.gateway: target.circuits for target in plan.targets}
        return {
            "user": user.name,
            "fingerprint": plan.fingerprint,
            "gateways": len(plan.targets),
            "cabinets": [
                self._cabinet_told(self._cabinets[name]) | {"circuits": circuits[self._cabinets[name].gateway]}
                for name in plan.cabinets
            ],
            "refused": dict(plan.refused),
        }

    def _cabinet_told(self, cabinet: Cabinet) -> dict[str, Any]:
        return {
            "id": cabinet.id,
            "name": cabinet.name,
            "street": cabinet.street,
            "ward": cabinet.ward,
            "gateway": cabinet.gateway,
            "lamps": cabinet.lamps,
            "class": cabinet.cabinet_class,
            "online": self._service.book.is_connected(cabinet.gateway),
        }

    def _plan(self, body: dict[str, Any], account: str) -> dict[str, Any]:
        request = read_request(body, PlanRequest)
        user = self.user(account, request.operation, {})
        if request.operation == "calendar":
            whole_gateways(request)
        patience_s = self._config.patience_s
        return self.told(self.plan_for(request, user), user) | {
            "patience_s": patience_s,
            "timezone": self.city.place.timezone,
            "now_ms": self._service.now_ms(),
        }

    def _order(self, body: dict[str, Any], account: str) -> dict[str, Any]:
        request = read_request(body, OrderRequest)
        user = self.user(account, OPERATION_OF[request.op], {"op": request.op, "reason": request.reason or ""})
        before = self._service.store.order_of_token(request.token)
        if before is not None:
            if before.by != user.name:
                raise Refused("changed_since")
            return self._order_told(before)
        now_ms = self._service.now_ms()
        arguments = _arguments(request, now_ms)
        plan = self.checked(request, request.fingerprint, user)
        if not self._service.book.has_room(len(plan.targets)):
            raise Refused("too_many_open", most=MAX_OPEN_ORDERS)
        self.spend(user, account, len(plan.targets), request.op)
        not_after_ms = now_ms + round((request.patience_s or self._config.patience_s) * 1000)
        if request.op == "override":
            not_after_ms = min(not_after_ms, int(arguments["until"]))
        order = Order(
            id=self._service.draw_id(),
            op=request.op,
            arguments=arguments,
            reason=request.reason or "",
            by=user.name,
            created_ms=now_ms,
            not_after_ms=not_after_ms,
            answers={
                target.gateway: Answer(
                    gateway=target.gateway, circuits=target.circuits, cabinets=target.cabinets, changed_ms=now_ms
                )
                for target in plan.targets
            },
            refused=dict(plan.refused),
        )
        facts = {
            "order": order.id,
            "op": order.op,
            "arguments": arguments,
            "reason": order.reason,
            "not_after_ms": not_after_ms,
            "cabinets": list(plan.cabinets),
            "refused": dict(plan.refused),
        }
        entry = AuditEntry(at_ms=now_ms, user=user.name, account=account, action="order", facts=facts)
        self._service.take(order, request.token, entry)
        return self._order_told(order)

    def _progress(self, body: dict[str, Any], _account: str) -> dict[str, Any]:
        request = read_request(body, ProgressRequest)
        order = self._service.book.order(request.order) or self._service.store.order(request.order)
        if order is None:
            raise Refused("no_such_order", order=request.order)
        return self._order_told(order)

    def _orders(self, body: dict[str, Any], _account: str) -> dict[str, Any]:
        request = read_request(body, ListRequest)
        orders = [
            self._service.book.order(order.id) or order for order in self._service.store.recent_orders(request.limit)
        ]
        return {"orders": [_summary(order) for order in orders], "timezone": self.city.place.timezone}

    def _audit(self, body: dict[str, Any], _account: str) -> dict[str, Any]:
        request = read_request(body, AuditRequest)
        told: dict[str, Any] = {
            "entries": self._service.store.audit(request.limit),
            "timezone": self.city.place.timezone,
        }
        return told | ({"broken": self._service.store.broken_link()} if request.check else {})

    def _status(self, body: dict[str, Any], _account: str) -> dict[str, Any]:
        request = read_request(body, StatusRequest)
        cabinets: Sequence[Cabinet] = self.city.cabinets
        if request.everything or request.criteria().named():
            cabinets = self.chosen(request)
        return {
            "cabinets": [self._cabinet_status(cabinet) for cabinet in cabinets],
            "timezone": self.city.place.timezone,
            "now_ms": self._service.now_ms(),
        }

    def _cabinet_status(self, cabinet: Cabinet) -> dict[str, Any]:
        at_ms, values = self._seen.values(cabinet.gateway)
        permit = self._permits.permit(cabinet.gateway, cabinet.id)
        return self._cabinet_told(cabinet) | {
            "at_ms": at_ms,
            "control": dict(values) if cabinet.is_switched else {},
            "circuits": [circuit.at_gateway for circuit in cabinet.circuits],
            "permit": None
            if permit is None
            else {"by": permit.by, "reason": permit.reason, "until_ms": permit.until_ms, "since_ms": permit.opened_ms},
        }

    def _order_told(self, order: Order) -> dict[str, Any]:
        return _summary(order) | {
            "timezone": self.city.place.timezone,
            "now_ms": self._service.now_ms(),
            "answers": [
                {
                    "gateway": answer.gateway,
                    "cabinets": answer.cabinets,
                    "circuits": answer.circuits,
                    "state": str(answer.state),
                    "reason": answer.reason,
                    "outcome": answer.outcome,
                    "sent": answer.sent,
                    "online": self._service.book.is_connected(answer.gateway),
                }
                for answer in order.answers.values()
            ],
            "refused": order.refused,
        }

    def _note(self, user: str, account: str, action: str, facts: Mapping[str, Any]) -> None:
        entry = AuditEntry(at_ms=self._service.now_ms(), user=user, account=account, action=action, facts=facts)
        self._service.store.note(entry)


def whole_gateways(request: Selected) -> None:
    """Refuse circuits where a calendar is meant: it is a gateway's, whatever hangs on it.

    Raises:
        Refused: Circuits are named.
    """
    if request.circuits:
        raise Refused("calendar_is_whole")


def _summary(order: Order) -> dict[str, Any]:
    return {
        "order": order.id,
        "op": order.op,
        "arguments": order.arguments,
        "reason": order.reason,
        "by": order.by,
        "created_ms": order.created_ms,
        "not_after_ms": order.not_after_ms,
        "ended": order.ended,
        "counts": {str(state): count for state, count in order.counts().items()},
    }


def _arguments(request: OrderRequest, now_ms: int) -> dict[str, Any]:
    """Return the command's arguments but the circuits, checked by the contract's own model.

    Raises:
        Refused: Something is missing, or the end lies in the past or too far ahead.
    """
    until_ms = request.until_ms if request.for_s is None else now_ms + round(request.for_s * 1000)
    arguments: dict[str, Any]
    match request.op:
        case "override":
            if request.level is None or until_ms is None or not request.reason:
                raise Refused("override_needs")
            if not now_ms + SHORTEST_OVERRIDE_MS <= until_ms <= now_ms + MAX_OVERRIDE_MS:
                raise Refused("until_out_of_range", days=MAX_OVERRIDE_MS // 86_400_000)
            arguments = {"level": request.level, "until": until_ms, "reason": request.reason}
        case "permit":
            if request.active is None or not request.reason:
                raise Refused("permit_needs")
            if until_ms is not None and until_ms <= now_ms:
                raise Refused("until_out_of_range", days=MAX_OVERRIDE_MS // 86_400_000)
            arguments = {"active": request.active, "until": until_ms, "reason": request.reason}
        case "lamp_test":
            arguments = {"minutes": request.minutes or 10}
        case _:
            arguments = {}
    ARGUMENTS[request.op].model_validate(arguments)
    return arguments
