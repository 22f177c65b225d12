"""What an app needs beside a TFLite file: what the model's modality has, and worked examples in three languages."""

import re
from pathlib import Path
from string import Template

from tfgen import files
from tfgen.export.signatures import Surface

TEMPLATES = Path(__file__).with_name("templates")


def safe_name(name: str) -> str:
    """A run's name as it can stand in a file's name and in any language's string."""
    return re.sub(r"[^A-Za-z0-9._-]", "-", name)


def write_companions(surface: Surface, file: str, folder: Path) -> None:
    """Into the folder of the TFLite files; the examples, in Python, Kotlin and Swift, load `file`."""
    for name, content in surface.companions().items():
        files.write_bytes(folder / name, content)
    run = surface.run
    names = {"name": safe_name(run.name), "file": file, "stem": Path(file).stem, **surface.words()}
    # Installing compiles the example in Python, and its result lies in a folder beside it.
    for template in sorted((TEMPLATES / run.record["modality"]).glob("[Ee]xample.*")):
        text = Template(template.read_text(encoding="utf-8")).substitute(names)
        files.write_bytes(folder / template.name, text.encode())
