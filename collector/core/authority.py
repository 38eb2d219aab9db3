"""Who may do what to which cabinet."""

from __future__ import annotations

from collections.abc import Iterable

from config.city import Cabinet
from config.collector import Operation, User


def user_of(users: Iterable[User], account: str) -> User | None:
    """Return the user whose account of the operating system this is; None: nobody's."""
    return next((user for user in users if account in user.accounts), None)


def may(user: User, operation: Operation) -> bool:
    """Return whether a user may do this at all."""
    return operation in user.operations


def in_area(user: User, cabinet: Cabinet) -> bool:
    """Return whether a cabinet lies where a user may act."""
    if not user.wards and not user.feeders:
        return True
    return cabinet.ward in user.wards or cabinet.feeder in user.feeders
