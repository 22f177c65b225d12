"""Who may import whom, and that nothing heavy is imported before a command needs it."""

import ast
import subprocess
import sys

import pytest

from tests.conftest import ROOT, tfgen_environment
from tfgen import catalog
from tfgen.catalog import Catalog

HEAVY = ("tensorflow", "keras", "PIL", "matplotlib", "numpy", "tensorflow_datasets", "tqdm")
STAGES = ("fit", "generate", "output", "run", "runs", "evaluate", "prompt", "feedback", "export")
FRONT = ("cli", "serve", "studio")
# Each part of tfgen, and what it must not import.
FORBIDDEN = {
    "data": ("models", *STAGES, *FRONT),
    "models": ("data", *STAGES, *FRONT),
    "fit": FRONT,
    "evaluate": ("fit", *FRONT),
    "prompt": ("models", *FRONT),
    "export": FRONT,
    "serve": ("cli", "studio"),
    "client.py": FRONT,
    "restore.py": FRONT,
    "generate": FRONT,
    "output": FRONT,
    "run.py": ("models", "data", "fit", *FRONT),
    "catalog.py": ("models", "data", *STAGES, *FRONT),
    "errors.py": ("models", "data", "catalog", "config", *STAGES, *FRONT),
    "files.py": ("models", "data", "catalog", "config", *STAGES, *FRONT),
}


def imported_by(path):
    """The parts of tfgen that a module names in an import, wherever the import stands."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            names.update(f"{node.module}.{alias.name}" for alias in node.names)
    return {name.split(".")[1] for name in names if name.startswith("tfgen.")}


@pytest.mark.parametrize("part", FORBIDDEN)
def test_imports_go_one_way(part):
    place = ROOT / "tfgen" / part
    modules = [place] if place.is_file() else sorted(place.rglob("*.py"))
    assert modules
    wrong = {str(module): imported_by(module) & set(FORBIDDEN[part]) for module in modules}
    assert {module: names for module, names in wrong.items() if names} == {}


def heavy_after(code):
    """Which heavy packages a fresh Python has imported after running `code`."""
    code += f"\nimport sys; print(*[name for name in {HEAVY!r} if name in sys.modules])"
    process = subprocess.run([sys.executable, "-c", code], env=tfgen_environment(), capture_output=True, text=True)
    assert process.returncode == 0, process.stderr
    return process.stdout.splitlines()[-1].split()


@pytest.mark.parametrize(
    "arguments",
    [
        ["--help"],
        ["--version"],
        ["fit", "--help"],
        ["generate", "-h"],
        ["evaluate", "-h"],
        ["export", "-h"],
        ["serve", "-h"],
        ["runs", "list"],
        ["fti"],
    ],
    ids=" ".join,
)
def test_help_imports_nothing_heavy(arguments):
    allowed = {"numpy"} if arguments == ["runs", "list"] else set()
    code = f"from tfgen.cli import main\ntry: main({arguments!r})\nexcept SystemExit: pass"
    assert set(heavy_after(code)) <= allowed


def test_listing_the_catalog_imports_nothing_heavy():
    names = "from tfgen import catalog; list(catalog.MODELS), list(catalog.NETWORKS), list(catalog.DATASETS)"
    assert heavy_after(names) == []


def test_looking_at_data_does_not_need_tensorflow():
    assert not {"tensorflow", "keras"} & set(heavy_after("from tfgen.data import open_data; open_data('digits')"))


@pytest.mark.parametrize("name", [name for name, value in vars(catalog).items() if isinstance(value, Catalog)])
def test_every_entry_of_the_catalog_can_be_loaded(name):
    entries = getattr(catalog, name)
    assert len(entries) > 0
    assert all(callable(entries.load(entry)) for entry in entries)


def test_a_name_that_is_not_in_the_catalog_gets_the_nearest():
    from tfgen.errors import UserError

    with pytest.raises(UserError, match="No model named 'vea'. Did you mean 'vae'"):
        catalog.MODELS.load("vea")
