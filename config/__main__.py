"""Write the reference of all configuration files: `python -m config [FILE]`, by default `docs/configuration.md`."""

from __future__ import annotations

import sys
from pathlib import Path

from config.reference import reference


def main(arguments: list[str]) -> int:
    """Write the page."""
    if len(arguments) > 1 or any(argument.startswith("-") for argument in arguments):
        sys.stderr.write("usage: python -m config [FILE]\n")
        return 2
    Path(arguments[0] if arguments else "docs/configuration.md").write_text(reference(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
