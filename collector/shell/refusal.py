"""What the collector answers to a request of the command line that it does not carry out."""

from __future__ import annotations

from typing import Any


class Refused(Exception):  # noqa: N818 - an answer, not a defect
    """A request that is not done; the code is a fixed word that the command line has texts for."""

    def __init__(self, code: str, **facts: Any) -> None:
        super().__init__(code)
        self.code = code
        self.facts = facts
