"""Benches are run by hand, months apart: what they take from tfgen must be there all the time."""

import ast
import importlib
import types
from pathlib import Path

import pytest

BENCHES = sorted((Path(__file__).resolve().parents[1] / "scripts" / "bench").glob("*.py"))


def taken(tree):
    """What a file imports from tfgen, by the name that it has there."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module.partition(".")[0] == "tfgen":
            for alias in node.names:
                yield alias.asname or alias.name, node.module, alias.name


@pytest.mark.parametrize("bench", BENCHES, ids=lambda path: path.stem)
def test_what_a_bench_takes_from_tfgen_is_there(bench):
    tree = ast.parse(bench.read_text(encoding="utf-8"))
    modules = {}
    for name, module, attribute in taken(tree):
        home = importlib.import_module(module)
        if not hasattr(home, attribute):
            importlib.import_module(f"{module}.{attribute}")
        if isinstance(getattr(home, attribute), types.ModuleType):
            modules[name] = getattr(home, attribute)
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in modules:
            assert hasattr(modules[node.value.id], node.attr), f"{node.value.id}.{node.attr}"
