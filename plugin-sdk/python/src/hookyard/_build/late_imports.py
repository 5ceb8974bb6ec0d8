"""Finds imports inside functions. A component is a snapshot of the interpreter after its imports, and has
no files for later imports."""

import ast
import importlib.util
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path


def late_imports(files: Iterable[Path]) -> Iterator[tuple[str, str]]:
    """The place and module of each import in a function, if no module imports it at the top."""
    for file in files:
        for node in ast.walk(ast.parse(file.read_text(), str(file))):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                for late in ast.walk(node):
                    yield from _missing(file, late)


def _missing(file: Path, node: ast.AST) -> Iterator[tuple[str, str]]:
    if isinstance(node, ast.Import):
        modules = [name.name for name in node.names]
    elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
        modules = [node.module, *(f"{node.module}.{name.name}" for name in node.names)]
        modules = [name for name in modules if name == node.module or _is_module(name)]
    else:
        return
    for module in modules:
        if module not in sys.modules:
            yield f"{file.name}:{node.lineno}", module


def _is_module(name: str) -> bool:
    try:
        return importlib.util.find_spec(name) is not None
    except (ImportError, ValueError):
        return False
