"""`python -m firmware_sim.demo [--keep] [--lang vi]`: see `make demo`."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import click

from config.language import process_language
from firmware_sim.demo.run import run


@click.command()
@click.option("--keep", is_flag=True, help="Stay up until Ctrl-C and say what to try.")
@click.option("--lang", type=click.Choice(["en", "vi"]), default=None, help="Language of the texts.")
@click.option(
    "--folder", type=click.Path(path_type=Path, file_okay=False), default=Path(".demo"), help="Where files are kept."
)
def main(keep: bool, lang: str | None, folder: Path) -> None:
    """Run two simulated cabinets through agents, broker and collector to the crew's phone."""
    folder = folder.resolve()
    # Unix sockets in it: their paths end at 107 bytes.
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    sys.exit(run(folder, lang or process_language(), keep=keep))


if __name__ == "__main__":
    main()
