"""Where a value stands in a YAML file, for findings that need more than one value to see."""

from __future__ import annotations

from pathlib import Path

import yaml

from config.errors import ConfigProblem

Location = tuple[int | str, ...]


class Positions:
    """The composed nodes of one file that was already loaded without errors."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self._root = yaml.compose(file.read_text(encoding="utf-8"), Loader=yaml.SafeLoader)

    def problem(self, location: Location, message: str) -> ConfigProblem:
        """Return a finding at a location, or at the nearest part above it that the file has."""
        mark = self._find(location)
        return ConfigProblem(self.file, mark.line + 1, mark.column + 1, message)

    def _find(self, location: Location) -> yaml.Mark:
        node = self._root
        if node is None:
            return yaml.Mark(str(self.file), 0, 0, 0, None, 0)
        for part in location:
            below = self._below(node, part)
            if below is None:
                break
            node = below
        return node.start_mark

    @staticmethod
    def _below(node: yaml.Node, part: int | str) -> yaml.Node | None:
        if isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
            found: yaml.Node = node.value[part]
            return found
        if isinstance(node, yaml.MappingNode):
            for key, value in node.value:
                if key.value == str(part):
                    below: yaml.Node = value
                    return below
        return None
