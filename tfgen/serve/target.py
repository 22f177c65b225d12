"""What `tfgen serve TARGET` serves: a run, a folder of exports or a models.config, as one ModelServerConfig."""

import json
import os
from pathlib import Path

from google.protobuf import text_format
from tensorflow_serving.config.model_server_config_pb2 import ModelServerConfig

from tfgen import checkpoints
from tfgen.errors import UserError
from tfgen.export import published
from tfgen.run import Run, locate, split_version

PLATFORM = "tensorflow"
DESCRIPTION = "assets.extra/tfgen.json"  # of an exported version


def configuration_of(target: str) -> ModelServerConfig:
    """The models that a run, a folder or a file names.

    Raises:
        UserError: there is no such thing, or nothing in it that can be served.
    """
    path = Path(target)
    if path.is_file():
        return read_configuration(path)
    if (locate_quietly(target) / "run.json").is_file():
        return _configuration(models_in(exports_of(Run.open(target))))
    if path.is_dir():
        return _configuration(models_in(path))
    if os.sep in target:
        raise UserError(f"There is no '{target}'.", "Give a run, a folder of exports or a models.config.")
    Run.open(target)  # says that there is no such run, and which name is near
    raise AssertionError


def run_needing_export(target: str) -> tuple[Run, str] | None:
    """The run that `target` names and why it has to be exported first; None where it has not."""
    if Path(target).is_file() or not (locate_quietly(target) / "run.json").is_file():
        return None
    run = Run.open(target)
    folder = exports_of(run)
    models = _models_by_name(folder) if folder.is_dir() else {}
    if not models:
        return run, f"'{run.name}' was not exported yet; that comes first."
    try:
        newest = checkpoints.load_newest(run.checkpoints).name
    except UserError:
        return None  # no weights to export: what is there is what can be served
    if newest in map(_checkpoint_of, models.values()):
        return None
    return run, f"'{run.name}' has other weights than when it was exported; it is exported anew first."


def _checkpoint_of(model: Path) -> str | None:
    """The checkpoint that a model's newest version was made of; None where that is not known."""
    versions = published.versions_in(model)
    try:
        return json.loads((versions[max(versions)] / DESCRIPTION).read_text(encoding="utf-8"))["checkpoint"]
    except (OSError, ValueError, KeyError, TypeError):
        return None


def exports_of(run: Run) -> Path:
    """The folder that holds a run's exports, NAME/N/saved_model.pb."""
    return run.results / "export"


def models_in(folder: Path) -> dict[str, Path]:
    """The models in a folder of exports by name; the folder may be a model's own.

    Raises:
        UserError: there is none.
    """
    models = _models_by_name(folder) if folder.is_dir() else {}
    if not models:
        expected = "NAME/1/saved_model.pb or 1/saved_model.pb"
        raise UserError(f"There is no model to serve in '{folder}'.", f"It should hold {expected}: see tfgen export.")
    return models


def read_configuration(path: Path) -> ModelServerConfig:
    """A models.config file, with paths made absolute.

    Raises:
        UserError: it can't be read, or names no model.
    """
    try:
        configuration = text_format.Parse(path.read_text(encoding="utf-8"), ModelServerConfig())
    except (OSError, UnicodeDecodeError, text_format.ParseError) as error:
        reason = str(error).split("\n")[0]
        raise UserError(f"'{path}' can't be read as a models.config: {reason}.", "Mend it, or export again.") from None
    models = configuration.model_config_list.config
    if not models:
        raise UserError(f"'{path}' names no model.", "Add model_config_list { config { name: ... base_path: ... } }.")
    for model in models:
        if not model.name or not model.base_path:
            raise UserError(f"'{path}' has a model without name or base_path.", "Give each model both.")
        model.base_path = str((path.parent / model.base_path).resolve())
    return configuration


def locate_quietly(name: str) -> Path:
    """The path that a run's name stands for, whatever the name is like."""
    try:
        return locate(split_version(name)[0])
    except UserError:
        return Path(name)


def _models_by_name(folder: Path) -> dict[str, Path]:
    if published.versions_in(folder):
        return {folder.resolve().name: folder}
    return {name: folder / name for name in published.models_in(folder)}


def _configuration(models: dict[str, Path]) -> ModelServerConfig:
    configuration = ModelServerConfig()
    for name, path in models.items():
        configuration.model_config_list.config.add(name=name, base_path=str(path.resolve()), model_platform=PLATFORM)
    return configuration
