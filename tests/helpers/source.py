"""The product's own source, read once and looked at as trees: for the few rules that are tests."""

from __future__ import annotations

import ast
import functools
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent.parent
ROOMS = ("app", "hub", "printing", "rehearsal", "sync", "ui")


@dataclass(frozen=True)
class Source:
    """One Python file of the product: `name` is its path from the root, with slashes."""

    name: str
    tree: ast.Module

    def is_under(self, *places: str) -> bool:
        """Whether it is one of these files or lies in one of these folders (which end in a slash)."""
        return any(
            self.name == place or (place.endswith("/") and self.name.startswith(place)) for place in places
        )

    def nodes(self, *kinds: type[ast.AST]) -> Iterator[Any]:
        """Every node of these kinds, in no promised order."""
        return (node for kind, held in self._by_kind.items() if issubclass(kind, kinds) for node in held)

    @functools.cached_property
    def _by_kind(self) -> dict[type[ast.AST], list[ast.AST]]:
        """A walk through a tree takes long, and every rule wants one."""
        found: dict[type[ast.AST], list[ast.AST]] = {}
        for node in ast.walk(self.tree):
            found.setdefault(type(node), []).append(node)
        return found

    def at(self, node: ast.AST) -> str:
        """Where to click: file and line."""
        return f"{self.name}:{getattr(node, 'lineno', 1)}"

    def imports(self) -> Iterator[tuple[str, ast.AST]]:
        """Every imported module by its full name, those imported late or for types only as well."""
        for node in self.nodes(ast.Import, ast.ImportFrom):
            if isinstance(node, ast.Import):
                yield from ((alias.name, node) for alias in node.names)
            elif node.level == 0:
                yield node.module or "", node
            else:
                folder = Path(self.name).parts[: -node.level]
                yield ".".join([*folder, *(node.module or "").split(".")]).rstrip("."), node

    def texts(self) -> Iterator[ast.Constant]:
        """Every string literal that is no docstring (of a module, class, function or field)."""
        docstrings = {id(statement.value) for statement in self.nodes(ast.Expr)}
        return (n for n in self.nodes(ast.Constant) if isinstance(n.value, str) and id(n) not in docstrings)


def dotted(node: ast.AST) -> str:
    """`a.b.c` of a name or an attribute chain; an empty text for anything else."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute) and (left := dotted(node.value)):
        return f"{left}.{node.attr}"
    return ""


@functools.cache
def product() -> tuple[Source, ...]:
    """Every Python file that people run: rooms, main.py, commands.py; no tests, recipes or benchmarks."""
    files = [path for room in ROOMS for path in sorted((ROOT / room).rglob("*.py"))]
    files += [ROOT / "main.py", ROOT / "commands.py"]
    return tuple(
        Source(path.relative_to(ROOT).as_posix(), ast.parse(path.read_text(encoding="utf-8")))
        for path in files
    )


@functools.cache
def texts() -> dict[str, dict[str, Any]]:
    """`<area>.<key>` to its entry, as written in resources/texts/."""
    return {
        f"{path.stem}.{key}": entry
        for path in sorted((ROOT / "resources" / "texts").glob("*.toml"))
        for key, entry in tomllib.loads(path.read_text(encoding="utf-8")).items()
    }
