"""Write the reference of all configuration files and the page of all devices: `python -m config [FOLDER]`.

The folder is `docs` unless another is named; the pages are `configuration.md` and `devices.md`.
"""

from __future__ import annotations

import sys
from pathlib import Path

from config.devices_page import devices_page
from config.reference import reference


def main(arguments: list[str]) -> int:
    """Write the pages."""
    if len(arguments) > 1 or any(argument.startswith("-") for argument in arguments):
        sys.stderr.write("usage: python -m config [FOLDER]\n")
        return 2
    folder = Path(arguments[0] if arguments else "docs")
    (folder / "configuration.md").write_text(reference(), encoding="utf-8")
    (folder / "devices.md").write_text(devices_page(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
