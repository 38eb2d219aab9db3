"""Exit codes of every command, and the help page that lists them."""

from __future__ import annotations

from enum import IntEnum
from typing import Final


class ExitCode(IntEnum):
    """What the shell sees."""

    OK = 0
    FINDING = 1
    USAGE = 2
    CONFIG = 3
    PORT_BUSY = 4
    NO_ANSWER = 5
    UPLINK = 6
    REFUSED_FOR_SAFETY = 7
    INTERRUPTED = 130


MEANINGS: Final[dict[ExitCode, tuple[str, str]]] = {
    ExitCode.OK: ("done, nothing found", "xong, không có gì bất thường"),
    ExitCode.FINDING: ("done, something needs attention", "xong, có điều cần xem lại"),
    ExitCode.USAGE: ("wrong command line", "gõ lệnh sai"),
    ExitCode.CONFIG: ("configuration wrong", "cấu hình sai"),
    ExitCode.PORT_BUSY: ("port held by another program", "cổng đang bị chương trình khác giữ"),
    ExitCode.NO_ANSWER: ("device or agent does not answer", "thiết bị hoặc tác nhân không trả lời"),
    ExitCode.UPLINK: ("no way to the centre", "không liên lạc được với trung tâm"),
    ExitCode.REFUSED_FOR_SAFETY: ("refused for safety", "từ chối vì an toàn"),
    ExitCode.INTERRUPTED: ("interrupted", "bị ngắt giữa chừng"),
}
