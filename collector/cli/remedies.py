"""What to do about a trouble that `collector status` shows, by the fixed word that it begins with."""

from __future__ import annotations

from typing import Final

from config.language import Texts

TEXTS: Final = Texts(
    {
        "unreachable": (
            "Start the database, or mend url in the store's configuration. Nothing is lost: gateways keep it.",
            "Khởi động cơ sở dữ liệu, hoặc sửa url của kho trong cấu hình. Không mất dữ liệu: gateway vẫn giữ.",
        ),
        "timeout": (
            "The database hangs or is overloaded: look at its log, its disk and its load.",
            "Cơ sở dữ liệu bị treo hoặc quá tải: hãy xem nhật ký, đĩa và tải của nó.",
        ),
        "throttled": (
            "The database takes no more at present; it goes on by itself. If it stays: raise its limits.",
            "Cơ sở dữ liệu tạm thời không nhận thêm; sẽ tự tiếp tục. Nếu kéo dài: nâng giới hạn của nó.",
        ),
        "cache_full": (
            (
                "The database's memory for new data is full; it goes on by itself. If it stays: raise "
                "cache-max-memory-size in influxdb.conf."
            ),
            (
                "Bộ nhớ đệm ghi của cơ sở dữ liệu đã đầy; sẽ tự tiếp tục. Nếu kéo dài: "
                "tăng cache-max-memory-size trong influxdb.conf."
            ),
        ),
        "no_space_restart_influxd": (
            "The database's disk is full: make room, then restart influxd. Without the restart it refuses for ever.",
            "Đĩa của cơ sở dữ liệu đã đầy: dọn chỗ trống rồi khởi động lại influxd, nếu không nó sẽ từ chối mãi.",
        ),
        "unauthorised": (
            "Mend username or the password file of the store; it is read again by itself (from systemd: restart).",
            "Sửa username hoặc tệp mật khẩu của kho; tệp sẽ tự được đọc lại (credential của systemd: khởi động lại).",
        ),
        "password_file": (
            "Put the store's password file in place, readable by the collector.",
            "Đặt tệp mật khẩu của kho vào đúng chỗ, cho phép bộ thu thập đọc.",
        ),
        "forbidden": (
            "The user may not write there: GRANT WRITE ON the database TO the user.",
            "Người dùng không có quyền ghi: hãy GRANT WRITE ON cơ sở dữ liệu TO người dùng đó.",
        ),
        "database_not_found": (
            "Create the database, or mend its name in the configuration.",
            "Tạo cơ sở dữ liệu, hoặc sửa tên của nó trong cấu hình.",
        ),
        "retention_policy_not_found": (
            "Create the retention policy, or mend retention_policy in the configuration.",
            "Tạo retention policy, hoặc sửa retention_policy trong cấu hình.",
        ),
        "disk_full": (
            "The disk of the embedded store is full: make room. It goes on by itself.",
            "Đĩa của kho dữ liệu nhúng đã đầy: dọn chỗ trống. Sẽ tự tiếp tục.",
        ),
        "cannot_open": (
            "The file of the embedded store cannot be opened: look at its folder, its owner and its disk.",
            "Không mở được tệp của kho dữ liệu nhúng: hãy xem thư mục, chủ sở hữu và đĩa.",
        ),
        "damaged": (
            "The file of the embedded store is damaged: stop the collector, move the file away, start it again.",
            "Tệp của kho dữ liệu nhúng bị hỏng: dừng bộ thu thập, chuyển tệp đi chỗ khác rồi khởi động lại.",
        ),
        "dead_letter": (
            "Move dead_letter.jsonl away, or make room on its disk: it holds readings that stand nowhere else.",
            "Chuyển dead_letter.jsonl đi chỗ khác, hoặc dọn đĩa: tệp này giữ những số đo không có ở nơi nào khác.",
        ),
        "defect": (
            "A defect of the software: report it with the lines of the log. Other readings go on.",
            "Lỗi phần mềm: hãy báo kèm nhật ký. Các số đo khác vẫn tiếp tục.",
        ),
        "part_ended": (
            "A defect of the software ended a part of the collector: restart it (systemd does), and report the log.",
            "Lỗi phần mềm làm dừng một phần của bộ thu thập: khởi động lại (systemd tự làm) và báo kèm nhật ký.",
        ),
        "store": (
            "Look at the address in url and at the log of what answers there.",
            "Kiểm tra địa chỉ url và nhật ký của dịch vụ trả lời ở đó.",
        ),
        "broker_login": (
            (
                "Mend username or password_file below mqtt, or the broker's accounts; the file is read again by itself "
                "(a systemd credential: restart)."
            ),
            (
                "Sửa username hoặc password_file trong mục mqtt, hoặc tài khoản trên broker; tệp sẽ tự được đọc lại "
                "(credential của systemd: khởi động lại)."
            ),
        ),
        "broker_denied": (
            "Let the broker's access list give this user all topics below the root, to read and to write.",
            "Cho phép người dùng này đọc và ghi mọi topic bên dưới gốc trong danh sách quyền của broker.",
        ),
        "broker_certificate": (
            "The broker's certificate is not trusted: look at ca_file, host and the certificate's dates.",
            "Chứng chỉ của broker không được tin cậy: kiểm tra ca_file, host và thời hạn chứng chỉ.",
        ),
        "broker_own_certificate": (
            "The broker does not accept our certificate, or wants TLS otherwise: look at cert_file, key_file and port.",
            "Broker không nhận chứng chỉ của bộ thu thập, hoặc dùng TLS khác: kiểm tra cert_file, key_file và port.",
        ),
        "broker_taken": (
            "Another client has the same name: give each collector its own.",
            "Có máy khách khác trùng tên: mỗi bộ thu thập phải có tên riêng.",
        ),
        "broker": (
            "Start the broker, or mend host and port below mqtt. It is tried again by itself.",
            "Khởi động broker, hoặc sửa host và port trong mục mqtt. Sẽ tự thử lại.",
        ),
        "lights": (
            "Make room on the disk of state_dir and look at its owner: without it no command is taken or sent.",
            "Dọn đĩa của state_dir và kiểm tra chủ sở hữu: nếu không, không lệnh nào được nhận hay gửi.",
        ),
        "alarms": (
            "Make room on the disk of state_dir and look at its owner: without it nothing is confirmed.",
            "Dọn đĩa của state_dir và kiểm tra chủ sở hữu: nếu không, không lô nào được xác nhận.",
        ),
    }
)
_BROKER_WORDS: Final = (
    ("the broker denied", "broker_denied"),
    ("taken over", "broker_taken"),
    ("refused the connection", "broker_login"),
    ("CERTIFICATE_VERIFY_FAILED", "broker_certificate"),
    ("SSL", "broker_own_certificate"),
)


def remedy(part: str, trouble: str) -> str:
    """Return what to do about a trouble of a part, by its key in `collector status`; empty where there is none."""
    if not trouble:
        return ""
    if part == "broker":
        return TEXTS.text(next((key for words, key in _BROKER_WORDS if words in trouble), part))
    reason = trouble.partition(":")[0]
    return TEXTS.text(reason if part == "store" and reason in TEXTS.keys() else part)  # noqa: SIM118 - a method of Texts
