"""What an app needs beside a TFLite file: companion files, and worked examples in one or more languages."""

import re
from pathlib import Path
from string import Template

from tfgen import files
from tfgen.catalog import MODALITIES
from tfgen.export.signatures import ExportedModel

_TEMPLATES = Path(__file__).with_name("templates")  # a folder for each representation


def safe_name(name: str) -> str:
    """A run's name as it can stand in a file's name and in any language's string."""
    return re.sub(r"[^A-Za-z0-9._-]", "-", name)


def write_companions(exported: ExportedModel, file: str, folder: Path) -> None:
    """Into the folder of the TFLite files; the examples load `file`."""
    for name, content in exported.companions().items():
        files.write_bytes(folder / name, content)
    run = exported.run
    modality = MODALITIES.load(run.record["modality"]).of_codec(exported.codec)
    words = {**exported.words(), **modality.app_words(exported.codec)}
    names = {"name": safe_name(run.name), "file": file, "stem": Path(file).stem, **words}
    folder_of_templates = modality.app_templates() or _TEMPLATES / exported.codec.representation
    # Installing compiles the example in Python, and its result lies in a folder beside it.
    for template in sorted(folder_of_templates.glob("[Ee]xample.*")):
        text = Template(template.read_text(encoding="utf-8")).substitute(names)
        files.write_bytes(folder / template.name, text.encode())
