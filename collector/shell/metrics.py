"""Counters and gauges of one collector, and what each of them means."""

from __future__ import annotations

import threading
from typing import Final

COUNTERS: Final[dict[str, tuple[str, str]]] = {
    "messages": ("messages received", "thông điệp đã nhận"),
    "payload_oversized": ("payloads refused: too large", "bản tin bị từ chối: quá lớn"),
    "payload_nested": ("payloads refused: nested too deeply", "bản tin bị từ chối: lồng quá sâu"),
    "payload_not_json": ("payloads refused: not JSON", "bản tin bị từ chối: không phải JSON"),
    "payload_invalid": ("payloads refused: not what the topic promises", "bản tin bị từ chối: sai nội dung của topic"),
    "topic_refused": ("messages on a topic of no gateway", "thông điệp ở topic không thuộc gateway nào"),
    "retained_refused": ("retained batches refused", "lô dữ liệu retained bị từ chối"),
    "ingest_dropped": ("messages dropped unconfirmed: ingest queue full", "thông điệp bỏ qua do đầy hàng đợi nhận"),
    "handler_errors": ("messages that a defect of ours refused", "thông điệp lỗi do phần mềm"),
    "gateways_refused": ("messages of gateways beyond the limit", "thông điệp của gateway vượt giới hạn số lượng"),
    "batches": ("batches evaluated", "lô dữ liệu đã xét cảnh báo"),
    "batches_waiting": ("batches without a clock: evaluated, not stored", "lô chưa có giờ: chỉ xét, không lưu"),
    "repeats": ("batches received again", "lô dữ liệu nhận lặp lại"),
    "readings": ("readings evaluated", "số đo đã xét cảnh báo"),
    "held_without_meta": ("batches held: gateway not described yet", "lô giữ lại: gateway chưa gửi mô tả"),
    "retained_fetched": ("descriptions asked for again", "lần hỏi lại bản mô tả của gateway"),
    "foreign_devices": ("devices not of their gateway, parked", "thiết bị không thuộc gateway, đã tách riêng"),
    "devices_invalid": ("devices of a batch that cannot be read, parked", "thiết bị hỏng trong lô, đã tách riêng"),
    "kind_conflicts": ("points described with another kind than before", "điểm đo khai báo kiểu khác trước"),
    "devices_refused": ("devices beyond the limit of a gateway", "thiết bị vượt giới hạn của gateway"),
    "alarm_state_failed": ("alarm state not kept, batches not confirmed", "không ghi được cảnh báo, lô chưa xác nhận"),
    "evaluation_failed": ("batches not confirmed: evaluation failed", "lô chưa xác nhận: lỗi xét cảnh báo"),
    "lights_failed": ("batches whose lights were not judged: a defect", "lô không xét được đèn: lỗi phần mềm"),
    "lights_not_saved": ("times that lights.db was not written", "lần không ghi được lights.db"),
    "lights_rows_dropped": ("rows of the lights dropped: store queue full", "dòng về đèn bỏ qua do đầy hàng đợi lưu"),
    "store_dropped": ("batches dropped unconfirmed: store queue full", "lô bỏ qua do đầy hàng đợi lưu"),
    "rows_stored": ("rows stored", "dòng đã lưu"),
    "rows_rejected": ("rows in the dead-letter file", "dòng nằm trong tệp tách riêng"),
    "rows_beyond_retention": ("rows older than the store keeps, archived", "dòng cũ hơn hạn lưu, đã tách riêng"),
    "rows_future": (
        "rows more than 60 s in the future, quarantined",
        "dòng có giờ ở tương lai hơn 60 giây, đã tách riêng",
    ),
    "store_failures": ("writes that the store did not take", "lần ghi mà kho dữ liệu không nhận"),
    "dead_letter_failures": ("writes that the dead-letter file did not take", "lần không ghi được tệp tách riêng"),
    "batches_confirmed": ("batches confirmed to their gateways", "lô đã xác nhận với gateway"),
    "confirms_dropped": ("confirms dropped: broker away", "xác nhận bỏ qua do mất kết nối broker"),
    "publishes_dropped": ("messages to the broker dropped", "thông điệp gửi broker bị bỏ"),
    "publishes_denied": ("messages that the broker denied", "thông điệp bị broker từ chối"),
    "poison_parked": ("undecodable payloads parked", "bản tin hỏng đã giữ mẫu"),
    "poison_not_parked": ("undecodable payloads beyond the parking rate", "bản tin hỏng vượt tốc độ giữ mẫu"),
    "command_results": ("command results received", "kết quả lệnh đã nhận"),
    "command_results_odd": ("command results that fit no command of ours", "kết quả lệnh không khớp lệnh nào"),
    "command_results_flood": ("command results beyond a gateway's rate", "kết quả lệnh vượt tốc độ của gateway"),
    "commands_sent": ("commands sent to gateways", "lệnh đã gửi tới gateway"),
    "wants_published": ("calendars sent to gateways", "lịch chiếu sáng đã gửi tới gateway"),
    "command_store_failed": ("orders or calendars not kept on the disk", "không ghi được lệnh hoặc lịch vào đĩa"),
    "requests": ("requests of the command line", "yêu cầu từ dòng lệnh"),
    "requests_denied": ("requests of the command line denied", "yêu cầu từ dòng lệnh bị từ chối"),
    "security_events_left_out": ("security events beyond their rate", "sự kiện bảo mật vượt tốc độ ghi"),
    "connects": ("connections to the broker", "lần kết nối broker"),
}
GAUGES: Final[dict[str, tuple[str, str]]] = {
    "ingest_queue": ("messages waiting to be evaluated", "thông điệp chờ xét"),
    "store_queue": ("batches waiting for the store", "lô chờ lưu"),
    "confirm_queue": ("batches waiting to be confirmed", "lô chờ xác nhận"),
    "dead_letter_bytes": ("size of the dead-letter file", "kích thước tệp tách riêng"),
    "gateways": ("gateways known", "số gateway đã biết"),
}
"""Name to what it counts, English and Vietnamese."""


class Metrics:
    """Numbers that any thread may add to; a name that is not listed above is a programming error."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._values: dict[str, int] = dict.fromkeys([*COUNTERS, *GAUGES], 0)

    def add(self, name: str, count: int = 1) -> None:
        """Count something."""
        with self._lock:
            self._values[name] += count

    def set(self, name: str, value: int) -> None:
        """Set a gauge."""
        with self._lock:
            self._values[name] = value

    def value(self, name: str) -> int:
        """Return one number."""
        with self._lock:
            return self._values[name]

    def snapshot(self) -> dict[str, int]:
        """Return all numbers at one moment."""
        with self._lock:
            return dict(self._values)
