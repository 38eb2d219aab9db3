"""An active alarm, as integrators see it: retained while it holds, removed (an empty payload) when it is over."""

from __future__ import annotations

from typing import Annotated, Final, Literal

from pydantic import Field, StrictBool, StrictInt, StrictStr

from contract.batch import Milliseconds, Name, WireModel

MAX_ALARM_BYTES: Final = 8 * 1024
ShortText = Annotated[StrictStr, Field(max_length=512)]


class AlarmText(WireModel):
    """One line in both languages.

    Attributes:
        en: In English.
        vi: In Vietnamese.
    """

    en: ShortText
    vi: ShortText


class ActiveAlarm(WireModel):
    """An alarm of one site.

    Attributes:
        alarm: Its name, as in the topic; the rule's but for alarms about the whole fleet.
        rule: The rule that raised it.
        site: The cabinet; for a silent gateway the gateway; `collector` for the fleet.
        gateway: Whose readings it rests on; empty for the fleet.
        severity: 1 (now) to 4 (some day).
        state: ISA-18.2: whether people know of it, or why they are not told.
        active: True: what is over is removed from its topic.
        since: Milliseconds since 1970 UTC of its first evidence; a late reading may correct it.
        acknowledged_by: Who took it, empty if nobody.
        text: What failed and where.
    """

    alarm: Name
    rule: Name
    site: Name
    gateway: Annotated[StrictStr, Field(max_length=64)]
    severity: Annotated[StrictInt, Field(ge=1, le=4)]
    state: Literal["unacked", "acked", "shelved", "suppressed", "out_of_service"]
    active: StrictBool
    since: Milliseconds
    acknowledged_by: Annotated[StrictStr, Field(max_length=256)] = ""
    text: AlarmText
