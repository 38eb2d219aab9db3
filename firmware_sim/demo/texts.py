"""What the demonstration says."""

from __future__ import annotations

from typing import Final

from config.language import Texts

LONG_PATH_COMMAND: Final = ".venv/bin/python -m firmware_sim.demo --folder /tmp/lamplighter-demo"
TEXTS: Final = Texts(
    {
        "start": (
            "two cabinets start, one on a serial line, one on TCP; the whole takes about 70 s",
            "hai tủ khởi động, một tủ nối tiếp, một tủ qua TCP; toàn bộ mất khoảng 70 giây",
        ),
        "place": (
            "they stand where the sun sets in {seconds:.0f} s: {latitude:.3f}, {longitude:.3f}, at {dusk} there",
            "đặt ở nơi mặt trời lặn sau {seconds:.0f} giây: {latitude:.3f}, {longitude:.3f}, lúc {dusk} giờ ở đó",
        ),
        "lamps_on": (
            "dusk: both contactors closed and read back, the lamps burn",
            "trời tối: cả hai công tắc tơ đã đóng và đọc lại, đèn sáng",
        ),
        "mains_lost": ("{cabinet} loses its mains", "tủ {cabinet} mất điện lưới"),
        "overvoltage": ("phase 3 of {cabinet} rises to 257 V", "pha 3 của tủ {cabinet} tăng lên 257 V"),
        "restored": ("mains and voltage come back", "điện lưới và điện áp trở lại bình thường"),
        "message": ("a message for {crew}:", "tin nhắn cho {crew}:"),
        "account": ("counting every reading, from the broker to the store", "đối chiếu mọi số đo, từ broker đến kho"),
        "interrupted": ("interrupted: every process is stopped", "bị ngắt: đã dừng mọi tiến trình"),
        "in_use": (
            "another demonstration runs in {folder}; end it with Ctrl-C first",
            "một bản trình diễn khác đang chạy trong {folder}; hãy dừng nó bằng Ctrl-C trước",
        ),
        "long_path": (
            "the path {folder} has {length} bytes, and sockets in it allow {most}; clone elsewhere, or: "
            + LONG_PATH_COMMAND,
            "đường dẫn {folder} dài {length} byte, socket trong đó chỉ cho phép {most}; hãy đặt ở chỗ khác, hoặc: "
            + LONG_PATH_COMMAND,
        ),
        "try": (
            "It stays up until Ctrl-C. Try in another terminal:",
            "Chạy đến khi nhấn Ctrl-C. Hãy thử ở một cửa sổ khác:",
        ),
    }
)

COMMANDS_TO_TRY: Final = (
    "{bin}/edge-agent status --config {folder}/gw-117.yaml",
    "{bin}/edge-agent read meter --config {folder}/gw-118.yaml",
    "{bin}/collector gateways --config {folder}/collector.yaml",
    "{bin}/collector alarms --all --config {folder}/collector.yaml",
    "{bin}/collector query --gw gw-118 --device meter --point u3 --last 5m --config {folder}/collector.yaml",
    "mosquitto_sub -h 127.0.0.1 -p {port} -t '{root}/+/state/#' -v   # package mosquitto-clients",
)
