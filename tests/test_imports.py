"""Who may import whom, and that nothing heavy is imported before a command needs it."""

import ast
import re
import subprocess
import sys

import pytest

from tests.conftest import ROOT, tfgen_environment
from tfgen import catalog
from tfgen.catalog import Catalog

HEAVY = (
    "tensorflow", "keras", "PIL", "matplotlib", "numpy", "tensorflow_datasets", "tqdm", "c2pa", "cryptography",
)  # fmt: skip
# From the ground up: a part may import itself and what stands before it, wherever the import stands.
LAYERS = (
    "errors", "arguments", "console", "files", "environment", "catalog", "config", "models.noise", "data",
    "trust.privacy", "representations", "checkpoints", "run", "trust.canaries", "trust.energy", "versions",
    "trust.authority", "trust.provenance", "modalities", "models", "restore", "feedback", "training", "generate",
    "evaluate", "prompts", "steering", "tuning", "trust.explanation", "export", "client",
    "run_comparison", "serve", "trust", "upscale", "api", "studio", "cli",
)
# Parts that know neither files, runs nor commands, beside what stands above them.
PURE = {
    "representations": ("files", "run", "checkpoints"),
    "models": ("files", "run", "checkpoints", "versions", "data"),
}
# Stages that don't know each other, though one stands above the other.
APART = {
    "generate": ("training",),
    "evaluate": ("training", "generate"),
    "export": ("training", "generate", "evaluate"),
}


def part_of(name):
    """'models.noise' for tfgen.models.noise, 'models' for every other module of tfgen.models; None for others."""
    inside = name.removeprefix("tfgen.")
    found = [part for part in LAYERS if inside == part or inside.startswith(f"{part}.")]
    return max(found, key=len, default=None)


def imported_by(path):
    """The parts of tfgen that a module names in an import, wherever the import stands."""
    names, tree = set(), ast.parse(path.read_text(encoding="utf-8"))
    blocks = [node for node in ast.walk(tree) if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test)]
    for_types_alone = {id(inside) for block in blocks for inside in ast.walk(block)}
    for node in ast.walk(tree):
        if id(node) in for_types_alone:
            continue
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            names.update(f"{node.module}.{alias.name}" for alias in node.names)
    return {part_of(name) for name in names if name.startswith("tfgen.")} - {None}


def modules_of(part):
    """Those of a part, without what is a part of its own in it."""
    place = ROOT / "tfgen" / part.replace(".", "/")
    if not place.is_dir():
        return [place.with_suffix(".py")]
    names = {path: ".".join(path.relative_to(ROOT).with_suffix("").parts) for path in place.rglob("*.py")}
    return sorted(path for path, name in names.items() if part_of(name) == part)


def test_every_module_has_a_layer():
    modules = [path.relative_to(ROOT / "tfgen").with_suffix("") for path in (ROOT / "tfgen").rglob("*.py")]
    names = {".".join(path.parts) for path in modules if path.parts[-1] != "__main__"} - {"__init__"}
    assert [name for name in names if part_of(f"tfgen.{name}") is None] == []


@pytest.mark.parametrize("part", LAYERS)
def test_imports_go_down(part):
    below = {*LAYERS[: LAYERS.index(part) + 1]} - {*PURE.get(part, ()), *APART.get(part, ())}
    wrong = {str(module): imported_by(module) - below for module in modules_of(part)}
    assert {module: names for module, names in wrong.items() if names} == {}


WORDS = re.compile(r"pictures?\b|pixel|\bpng\b|uint8|chat.?template|tokenizer", re.IGNORECASE)
# Charts that the engine itself draws, TensorFlow's own types, a field of records from before, and what a preset brings.
ALLOWED = re.compile(
    r'losses\.png|format="png"|a PNG with one panel|a PNG: quality|DT_UINT8|np\.uint8|TensorFlow|\btokenizer: str = ""|'
    r"measured(_with)?\.tokenizer|depends_on|tokenizer=self\._digest"
)


@pytest.mark.parametrize("part", ["training", "generate", "evaluate", "export", "serve"])
def test_stages_name_no_kind_of_data(part):
    """A word of one modality in a stage is most likely a question that the modality should have been asked."""
    lines = [
        (f"{module.relative_to(ROOT)}:{number}", line.strip())
        for module in modules_of(part)
        if module.name not in ("preset.py", "inception.py")
        for number, line in enumerate(module.read_text(encoding="utf-8").splitlines(), 1)
    ]
    assert [place + ": " + line for place, line in lines if WORDS.search(line) and not ALLOWED.search(line)] == []


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
        ["steer", "-h"],
        ["evaluate", "-h"],
        ["explain", "-h"],
        ["prompt", "-h"],
        ["prompt", "optimize", "-h"],
        ["tune", "-h"],
        ["export", "-h"],
        ["serve", "-h"],
        ["verify", "-h"],
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


@pytest.mark.slow
def test_a_server_does_not_need_keras():
    """Who needs it later can have it."""
    code = "import sys; from tfgen.environment import load_tensorflow; load_tensorflow(keras=False)\n"
    code += "import tfgen.serve.server; assert 'tensorflow' in sys.modules and 'keras' not in sys.modules; import keras"
    assert "keras" in heavy_after(code)


@pytest.mark.parametrize("name", [name for name, value in vars(catalog).items() if isinstance(value, Catalog)])
def test_every_entry_of_the_catalog_can_be_loaded(name):
    entries = getattr(catalog, name)
    assert len(entries) > 0
    assert all(callable(entries.load(entry)) for entry in entries)


def test_a_name_that_is_not_in_the_catalog_gets_the_nearest():
    from tfgen.errors import UserError

    with pytest.raises(UserError, match="No model named 'vea'. Did you mean 'vae'"):
        catalog.MODELS.load("vea")
