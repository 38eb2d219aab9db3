"""A street with one cabinet or post of each kind, and a scenario for every alarm of the lights."""

from __future__ import annotations

from pathlib import Path
from typing import Final

FOLDER: Final = Path(__file__).parent
"""Where `street.yaml` and the scenarios lie."""
