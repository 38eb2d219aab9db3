"""Every text of the command line, in English and Vietnamese."""

from __future__ import annotations

from typing import Final

from config.language import Texts
from edge_agent.cli.words_lights import LIGHTS
from edge_agent.cli.words_profile import PROFILE

TEXTS: Final = Texts(
    PROFILE
    | LIGHTS
    | {
        "help": (
            "Polls the devices of one gateway, keeps every reading until the centre has it, lights the streets.",
            "Đọc các thiết bị của một tủ, giữ mọi số đo đến khi trung tâm nhận xong, bật tắt đèn theo lịch.",
        ),
        "help_run": (
            "Run the agent until SIGTERM. Normally systemd does this.",
            "Chạy tác nhân đến khi nhận SIGTERM. Thường do systemd gọi.",
        ),
        "help_check": (
            "Check the configuration and every file it names: all mistakes at once.",
            "Kiểm tra cấu hình và mọi tệp liên quan: báo hết lỗi một lần.",
        ),
        "help_read": (
            "Read points now: through the running agent, or on the line itself if none runs.",
            "Đọc số đo ngay: qua tác nhân đang chạy, hoặc trực tiếp trên đường truyền nếu không có.",
        ),
        "help_status": (
            "Show connection, what is not yet delivered, and the state of each device.",
            "Xem kết nối, dữ liệu chưa chuyển xong và tình trạng từng thiết bị.",
        ),
        "help_decode": (
            "Explain a captured Modbus frame by a device profile.",
            "Giải nghĩa một khung Modbus bắt được, theo hồ sơ thiết bị.",
        ),
        "help_maintain": (
            "Say that somebody works on DEVICE: its data is stored, and stays out of averages and alarms.",
            "Báo có người đang làm việc trên DEVICE: số liệu vẫn lưu, không vào trung bình và cảnh báo.",
        ),
        "help_for": ("How long, 7 days at most: 90s, 30m, 2h, 1d.", "Trong bao lâu, tối đa 7 ngày: 90s, 30m, 2h, 1d."),
        "help_reason": ("Why; for the log.", "Lý do; ghi vào nhật ký."),
        "help_by": ("Who; for the log.", "Ai làm; ghi vào nhật ký."),
        "help_end": ("End it now.", "Kết thúc ngay."),
        "maintain_begun": (
            "{device}: maintenance for {span}. Its data is stored, and stays out of averages and alarms.",
            "{device}: bảo trì trong {span}. Số liệu vẫn lưu, không vào trung bình và cảnh báo.",
        ),
        "maintain_ended": ("{device}: maintenance has ended.", "{device}: đã hết bảo trì."),
        "maintain_end_alone": (
            "--end goes with neither --for nor --reason",
            "--end không đi cùng --for hoặc --reason",
        ),
        "maintain_duration": (
            "--for takes 1s to 7d, such as 90s, 30m, 2h, 1d",
            "--for nhận từ 1s đến 7d, ví dụ 90s, 30m, 2h, 1d",
        ),
        "maintain_reason": ("--reason takes 1 to 200 characters", "--reason nhận 1 đến 200 ký tự"),
        "maintain_by": ("--by takes 1 to 64 characters", "--by nhận 1 đến 64 ký tự"),
        "maintain_no_device": ("there is no device '{device}'", "không có thiết bị '{device}'"),
        "maintain_none_announced": (
            "no maintenance of '{device}' was announced; a switch ends by itself",
            "chưa báo bảo trì '{device}'; công tắc thì tự kết thúc",
        ),
        "maintain_not_kept": (
            "The disk refuses: it holds until the agent restarts.",
            "Đĩa không ghi được: chỉ có hiệu lực đến khi tác nhân khởi động lại.",
        ),
        "maintenance_line": (
            "Maintenance: {device}, {span} more, by {by}: {reason}",
            "Bảo trì: {device}, còn {span}, {by}: {reason}",
        ),
        "maintenance_switch": ("Maintenance: {device}, by switch {switch}", "Bảo trì: {device}, do công tắc {switch}"),
        "maintenance_more": ("Maintenance: {count} devices more", "Bảo trì: thêm {count} thiết bị"),
        "help_sdi12": (
            "Ask the only sensor of an SDI-12 LINE, or the one of --address, who it is. The agent must not run.",
            "Hỏi cảm biến duy nhất trên đường truyền SDI-12 LINE, hoặc cảm biến có --address. Dừng tác nhân trước.",
        ),
        "help_sdi12_address": ("Its address; asked for if not given.", "Địa chỉ của cảm biến; không ghi thì sẽ hỏi."),
        "help_sdi12_change": (
            "Give it this address first: the way to bring several new sensors onto one line.",
            "Trước hết đổi sang địa chỉ này: để đưa nhiều cảm biến mới vào chung một đường truyền.",
        ),
        "sdi12_no_line": (
            "no serial line '{line}'; there are: {known}",
            "không có đường truyền nối tiếp '{line}'; hiện có: {known}",
        ),
        "sdi12_no_address": (
            "'{address}' is no SDI-12 address: one of 0-9, A-Z, a-z",
            "'{address}' không phải địa chỉ SDI-12: một ký tự 0-9, A-Z, a-z",
        ),
        "sdi12_found": (
            "address {address}: {vendor} {model}, version {version}, {rest} (SDI-12 {sdi12})",
            "địa chỉ {address}: {vendor} {model}, phiên bản {version}, {rest} (SDI-12 {sdi12})",
        ),
        "help_config": ("The agent's configuration file.", "Tệp cấu hình của tác nhân."),
        "help_json": ("Print JSON (schema 1) on stdout.", "In JSON (schema 1) ra stdout."),
        "help_lang": ("Language: en or vi.", "Ngôn ngữ: en hoặc vi."),
        "help_all": ("Show every device, however many.", "Hiện mọi thiết bị, dù nhiều đến đâu."),
        "help_hex": (
            "The frame's bytes in hex; a Modbus ASCII frame from its colon on.",
            "Các byte của khung, dạng hex; khung Modbus ASCII thì từ dấu hai chấm.",
        ),
        "help_request": (
            "The request that the frame answers, in hex: it tells the addresses.",
            "Khung yêu cầu tương ứng, dạng hex: để biết địa chỉ thanh ghi.",
        ),
        "exit_codes": ("Exit codes:", "Mã thoát:"),
        "error": ("error", "lỗi"),
        "warning": ("warning", "cảnh báo"),
        "check_good": (
            "{file}: {devices} devices on {lines} lines, {points} points: nothing wrong.",
            "{file}: {devices} thiết bị trên {lines} đường truyền, {points} điểm đo: không có lỗi.",
        ),
        "check_counts": ("Errors: {errors}, warnings: {warnings}.", "{errors} lỗi, {warnings} cảnh báo."),
        "port_missing": (
            "port '{port}' of line '{line}' does not exist here; see ls /dev/serial/by-path",
            "cổng '{port}' của đường truyền '{line}' không có trên máy này; xem ls /dev/serial/by-path",
        ),
        "port_unstable": (
            (
                "'{port}' may be another adapter's after a restart; write its name below /dev/serial/by-path, or "
                "install systemd/99-lamplighter-rs485.rules"
            ),
            (
                "'{port}' có thể thành bộ chuyển đổi khác sau khi khởi động lại; hãy ghi tên dưới "
                "/dev/serial/by-path, hoặc cài systemd/99-lamplighter-rs485.rules"
            ),
        ),
        "port_unstable_name": (
            "'{port}' may be another adapter's after a restart; write {stable}",
            "'{port}' có thể thành bộ chuyển đổi khác sau khi khởi động lại; hãy ghi {stable}",
        ),
        "never_on": (
            "period {number} of '{program}' is never on in the next year: 'on' is not before 'off' (noon to noon)",
            "khoảng {number} của '{program}' cả năm không bật: 'on' không đứng trước 'off' (tính từ trưa đến trưa)",
        ),
        "no_key": (
            "commands.allow is set without key_file: commands from the centre are refused",
            "có commands.allow nhưng thiếu key_file: lệnh từ trung tâm sẽ bị từ chối",
        ),
        "not_running": (
            "The agent is not running: this is what waits on its disk.",
            "Tác nhân không chạy: dưới đây là dữ liệu còn trên đĩa.",
        ),
        "read_waits": (
            "{device}: still waiting, it measures slowly or its line is busy. Ctrl-C gives up.",
            "{device}: vẫn đang chờ, thiết bị đo chậm hoặc đường truyền bận. Ctrl-C để thôi.",
        ),
        "not_running_read": (
            "The agent is not running: reading on the line itself.",
            "Tác nhân không chạy: đọc trực tiếp trên đường truyền.",
        ),
        "no_spool": ("There is no spool at {file} yet.", "Chưa có hàng đợi tại {file}."),
        "spool_unreadable": ("The spool cannot be read: {error}", "Không đọc được hàng đợi: {error}"),
        "gateway_line": (
            "Gateway {gateway}, agent {version}, running for {uptime}, {memory}",
            "Tủ {gateway}, tác nhân {version}, đã chạy {uptime}, {memory}",
        ),
        "connected": ("Connected: yes", "Kết nối: có"),
        "disconnected": ("Connected: NO", "Kết nối: KHÔNG"),
        "clock_synced": ("clock synchronised", "đồng hồ đã đồng bộ"),
        "clock_not_synced": ("clock NOT synchronised", "đồng hồ CHƯA đồng bộ"),
        "clock_assumed": ("clock taken as it is", "dùng đồng hồ máy, không đòi đồng bộ"),
        "broker_file": ("Cannot use {reason}", "Không dùng được tệp {reason}"),
        "broker_refused": (
            "{broker} refuses: no broker listens there; is mqtt.port right, does the broker run?",
            "{broker} từ chối: không có máy chủ MQTT ở đó; xem mqtt.port, máy chủ có chạy không?",
        ),
        "broker_no_name": (
            "{broker}: no address for this name; is mqtt.host right, does DNS answer?",
            "{broker}: không tìm thấy địa chỉ của tên này; xem mqtt.host và DNS.",
        ),
        "broker_unreachable": (
            "{broker}: no way there; modem, cable, SIM, VPN?",
            "{broker}: không có đường mạng tới đó; xem modem, cáp, SIM, VPN.",
        ),
        "broker_silent": (
            "{broker} does not answer; network, firewall, a broker that hangs or knows no MQTT 5.",
            "{broker} không trả lời; xem mạng, tường lửa, máy chủ bị treo hoặc không có MQTT 5.",
        ),
        "broker_closed": (
            "{broker} closes the connection; TLS wanted or not (mqtt.tls), MQTT 5 spoken? ({reason})",
            "{broker} đóng kết nối; có dùng TLS không (mqtt.tls), có MQTT 5 không? ({reason})",
        ),
        "broker_broker_unknown": (
            "{broker}: its certificate is not signed by mqtt.tls.ca_file: wrong file, or a false broker.",
            "{broker}: chứng thư máy chủ không do mqtt.tls.ca_file ký: sai tệp, hoặc máy chủ giả.",
        ),
        "broker_broker_expired": (
            "{broker}: its certificate has expired, or this gateway's clock is wrong.",
            "{broker}: chứng thư máy chủ đã hết hạn, hoặc đồng hồ của tủ sai.",
        ),
        "broker_broker_not_yet": (
            "{broker}: its certificate is not valid yet: this gateway's clock is wrong?",
            "{broker}: chứng thư máy chủ chưa có hiệu lực: đồng hồ của tủ sai?",
        ),
        "broker_broker_other_name": (
            "{broker}: its certificate is for another name than mqtt.host.",
            "{broker}: chứng thư máy chủ ghi tên khác với mqtt.host.",
        ),
        "broker_no_tls": (
            "{broker} speaks no TLS; is mqtt.port right?",
            "{broker} không dùng TLS; xem lại mqtt.port.",
        ),
        "broker_own_missing": (
            "{broker} demands a certificate of this gateway: mqtt.tls.cert_file and key_file.",
            "{broker} đòi chứng thư của tủ này: mqtt.tls.cert_file và key_file.",
        ),
        "broker_own_unknown": (
            "{broker} refuses this gateway's certificate: signed by an authority that it does not know.",
            "{broker} từ chối chứng thư của tủ này: nơi ký không được máy chủ công nhận.",
        ),
        "broker_own_expired": (
            "{broker} refuses this gateway's certificate: it has expired. Renew it.",
            "{broker} từ chối chứng thư của tủ này: đã hết hạn. Cần cấp lại.",
        ),
        "broker_own_refused": (
            "{broker} refuses this gateway's certificate. ({reason})",
            "{broker} từ chối chứng thư của tủ này. ({reason})",
        ),
        "broker_login": (
            "{broker} refuses the login: user name, password, or the name {gateway}.",
            "{broker} từ chối đăng nhập: xem tên người dùng, mật khẩu, hoặc tên {gateway}.",
        ),
        "broker_protocol": (
            "{broker} does not speak MQTT 5, which gateways need.",
            "{broker} không dùng MQTT 5, phiên bản mà tủ cần.",
        ),
        "broker_other": ("{broker}: {reason}", "{broker}: {reason}"),
        "disk_fails": (
            "DISK FAILS: {batches} batches only in memory ({failure})",
            "ĐĨA HỎNG: {batches} gói chỉ còn trong bộ nhớ ({failure})",
        ),
        "given_up": (
            "Given up for lack of room: {readings} readings since the start",
            "Phải bỏ vì hết chỗ: {readings} số đo từ lúc chạy",
        ),
        "denied": (
            "DENIED by the broker: {topic}, {count} times ({reason})",
            "Máy chủ CẤM: {topic}, {count} lần ({reason})",
        ),
        "denied_more": ("… and {count} more topics denied", "… và {count} chủ đề khác bị cấm"),
        "taken_over": (
            "ANOTHER gateway connects as {gateway} ({count} times): two boxes with one name?",
            "Có tủ KHÁC kết nối với tên {gateway} ({count} lần): hai bộ trùng tên?",
        ),
        "undelivered": (
            "Not yet delivered: {batches} batches, {size}, oldest {age}",
            "Chưa chuyển xong: {batches} gói, {size}, cũ nhất {age}",
        ),
        "all_delivered": ("Not yet delivered: nothing", "Chưa chuyển xong: không có"),
        "lamps_on": ("Lamps: ON ({reason}), next change {change}", "Đèn: BẬT ({reason}), đổi tiếp lúc {change}"),
        "lamps_off": ("Lamps: OFF ({reason}), next change {change}", "Đèn: TẮT ({reason}), đổi tiếp lúc {change}"),
        "schedule_wrong": (
            "Schedule file WRONG, the last good one goes on: {problem}",
            "Tệp lịch SAI, đang chạy theo lịch đúng gần nhất: {problem}",
        ),
        "lamps_waiting": ("Lamps: waiting for the clock", "Đèn: đang chờ đồng hồ"),
        "output_differs": (
            "Output {point} shows {shown}, should be {target}",
            "Ngõ ra {point} đang {shown}, lẽ ra phải {target}",
        ),
        "on": ("on", "bật"),
        "off": ("off", "tắt"),
        "unknown": ("unknown", "chưa rõ"),
        "none": ("none", "không có"),
        "malformed": ("Malformed: {counts}", "Sai định dạng: {counts}"),
        "malformed_none": ("Malformed: none", "Sai định dạng: không có"),
        "cycle_too_short": (
            (
                "Line {line}: CYCLE TOO SHORT: its devices need {needs}, it carries {carries}; lengthen intervals "
                "or divide the line (edge-agent status --bus)"
            ),
            (
                "Đường truyền {line}: CHU KỲ QUÁ NGẮN: các thiết bị cần {needs}, chỉ tải được {carries}; tăng chu kỳ "
                "đọc hoặc chia đường truyền (edge-agent status --bus)"
            ),
        ),
        "cycles_too_short_more": ("… and {count} more lines", "… và {count} đường truyền khác"),
        "bus_line": (
            "Line {line}: used {share}, its devices need {needs}, it carries {carries}",
            "Đường truyền {line}: đang dùng {share}, các thiết bị cần {needs}, tải được {carries}",
        ),
        "bus_more": (
            "… and {count} more; --all shows them",
            "… và {count} nữa; --all để xem hết",
        ),
        "column_line": ("LINE", "ĐƯỜNG TRUYỀN"),
        "column_mean": ("MEAN POLL", "TRUNG BÌNH"),
        "column_worst": ("WORST", "LÂU NHẤT"),
        "column_share": ("SHARE", "TỶ LỆ"),
        "column_need": ("NEEDS", "CẦN"),
        "help_bus": (
            "Show how long each device's polls hold its line.",
            "Xem mỗi thiết bị chiếm đường truyền bao lâu.",
        ),
        "column_device": ("DEVICE", "THIẾT BỊ"),
        "column_good": ("LAST GOOD", "TỐT CÁCH ĐÂY"),
        "column_quality": ("QUALITY", "CHẤT LƯỢNG"),
        "column_failed": ("FAILED/POLLS", "HỎNG/LẦN ĐỌC"),
        "column_remark": ("REMARK", "GHI CHÚ"),
        "column_point": ("POINT", "ĐIỂM ĐO"),
        "column_value": ("VALUE", "GIÁ TRỊ"),
        "column_name": ("NAME", "TÊN"),
        "never": ("never", "chưa có"),
        "ago": ("{age} ago", "{age}"),
        "good": ("good", "tốt"),
        "quality_bad": ("BAD", "HỎNG"),
        "quality_uncertain": ("UNCERTAIN", "CHƯA CHẮC"),
        "bad_points": ("{count} not good", "{count} không tốt"),
        "set_aside": ("SET ASIDE: {failure}", "TẠM NGỪNG: {failure}"),
        "wrong_type": ("WRONG DEVICE TYPE", "SAI LOẠI THIẾT BỊ"),
        "more_devices": (
            "… and {count} more, {good} of them good; --all shows them",
            "… và {count} thiết bị nữa, {good} tốt; --all để xem hết",
        ),
        "seconds": ("{count} s", "{count} giây"),
        "minutes": ("{count} min", "{count} phút"),
        "hours": ("{count} h", "{count} giờ"),
        "days": ("{count} d", "{count} ngày"),
        "no_device": (
            "there is no device '{device}'; there are: {known}",
            "không có thiết bị '{device}'; hiện có: {known}",
        ),
        "no_point": (
            "device '{device}' has no point '{point}'; there are: {known}",
            "thiết bị '{device}' không có điểm '{point}'; hiện có: {known}",
        ),
        "not_read": ("{device}: not read: {error}", "{device}: không đọc được: {error}"),
        "config_last_good": (
            "The configuration is WRONG as above; the agent goes on by its last good copy.",
            "Cấu hình SAI như trên; chương trình chạy tiếp theo bản đúng gần nhất.",
        ),
        "config_wrong": (
            "Configuration file WRONG, the last good one goes on: {problem}",
            "Tệp cấu hình SAI, đang chạy theo bản đúng gần nhất: {problem}",
        ),
        "stopped_for": ("cannot run: {error}", "không chạy được: {error}"),
        "cause_timeout": ("no answer", "không trả lời"),
        "cause_crc": ("damaged answer", "trả lời nhiễu"),
        "cause_protocol": ("wrong answer", "trả lời sai"),
        "cause_refused": ("refused", "từ chối"),
        "cause_unsupported": ("device has no such point", "thiết bị không có điểm này"),
        "cause_line_down": ("line is down", "đường dây hỏng"),
        "cause_set_aside": ("set aside", "tạm ngừng"),
        "cause_range": ("out of range", "ngoài giới hạn"),
        "cause_device": ("the device reports a fault", "thiết bị báo lỗi"),
        "cause_sentinel": ("the device has no value", "thiết bị không có số đo"),
        "cause_incomplete": ("too few good samples", "quá ít mẫu tốt"),
        "cause_suspect": ("uncertain by the device's own word", "thiết bị báo số đo không chắc chắn"),
        "cause_flat": ("does not change at all", "không hề thay đổi"),
        "cause_spike": ("a single jump", "nhảy vọt một lần"),
        "cause_stale": ("old", "đã cũ"),
        "cause_clock": ("its time is uncertain", "thời điểm không chắc chắn"),
        "cause_maintenance": ("under maintenance", "đang bảo trì"),
        "cause_simulated": ("simulated", "mô phỏng"),
        "cause_rate": ("changes too fast", "thay đổi quá nhanh"),
        "cause_warm_up": ("warming up", "đang khởi động đo"),
        "frame_head": ("{framing} frame, {direction}", "Khung {framing}, {direction}"),
        "frame_request": ("request", "yêu cầu"),
        "frame_reply": ("reply", "trả lời"),
        "frame_unknown": ("direction unclear", "chưa rõ chiều"),
        "frame_unit": ("unit {unit}, function {function}", "địa chỉ {unit}, hàm {function}"),
        "frame_crc_good": ("{check} good ({found})", "{check} đúng ({found})"),
        "frame_crc_bad": ("{check} WRONG ({found}, must be {expected})", "{check} SAI ({found}, phải là {expected})"),
        "frame_asks": (
            "Wire address {first}, {count} registers or bits",
            "Địa chỉ trên dây {first}, {count} thanh ghi hoặc bit",
        ),
        "frame_several": (
            "{count} readings are possible ({refused} more would be out of range):",
            "Có thể là một trong {count} cách đọc ({refused} cách khác cho giá trị ngoài giới hạn):",
        ),
        "frame_reads": (
            "Read as {table} from wire address {first}, {count} long:",
            "Đọc như {table} từ địa chỉ {first}, dài {count}:",
        ),
        "frame_reads_implausible": (
            "Hardly {table} from wire address {first}, {count} long (values out of range):",
            "Khó là {table} từ địa chỉ {first}, dài {count} (giá trị ngoài giới hạn):",
        ),
    }
)


def cause_text(cause: str) -> str:
    """Return a cause in the reader's words; rare ones as they are on the wire."""
    key = f"cause_{cause}"
    return TEXTS.text(key) if key in TEXTS.keys() else cause  # noqa: SIM118 - keys() is the table's own
