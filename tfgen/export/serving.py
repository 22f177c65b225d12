"""What a deployment needs beside the exports: TensorFlow Serving's configuration, Compose and Kubernetes files.

They lie in OUTPUT/serving, beside the models that they mount by relative paths, so that the folder can be moved as a
whole. A file that a person changed is kept, and what tfgen would write now lies beside it as FILE.new; models.config,
which people are meant to change, is carried on instead (models_config.py).
"""

import hashlib
import json
import re
from pathlib import Path
from string import Template
from urllib.parse import quote

from tfgen import files
from tfgen.errors import UserError
from tfgen.export import models_config
from tfgen.export.published import models_in
from tfgen.console import say

FOLDER = "serving"
IMAGE = "tensorflow/serving:2.21.0"  # of the TensorFlow that writes the exports: an older one may not know its graphs
USER = 10001  # no user of the image or, most likely, of the machine
METRICS_PATH = "/monitoring/prometheus/metrics"
FLAGS = (
    "--port=8500",
    "--rest_api_port=8501",
    "--model_config_file=/config/models.config",
    "--model_config_file_poll_wait_seconds=10",
    # A server that starts knows no version yet, so it would refuse every label.
    "--allow_version_labels_for_unavailable_models=true",
    "--enable_batching=true",
    "--batching_parameters_file=/config/batching.config",
    "--monitoring_config_file=/config/monitoring.config",
    "--enable_profiler=false",  # on by itself, for everybody who reaches the port
    # A request waits in a thread: for full batches there must be twice as many as a batch has rows.
    "--rest_api_num_threads=64",
    "--grpc_max_threads=64",
    # By itself it takes the machine's cores, not the container's.
    "--tensorflow_intra_op_parallelism=2",
    "--tensorflow_inter_op_parallelism=2",
)
_TEMPLATES = Path(__file__).with_name("templates") / "serving"
_MODELS_CONFIG = "models.config"
_RECORD = ".written.json"
_LONGEST_LABEL = 40  # a DNS label has 63 characters; Kubernetes and the templates append to it


def write_serving_files(folder: Path, name: str) -> list[Path]:
    """Writes FOLDER/serving for every model that FOLDER holds, after an export of `name`.

    The deployment is named after `name`, and stays so when other models come to the folder: under another name it would
    be another deployment.

    Returns:
        The files, those of a person's own included.

    Raises:
        UserError: there is no SavedModel to serve.
    """
    models = models_in(folder)
    if name not in models:
        what = f"There is no SavedModel of '{name}' in '{folder}' to write deployment files for."
        raise UserError(what, "Export one with --saved-model.")
    target = folder / FOLDER
    record = _Record(target, name)
    texts = _texts(resource_name(record.name), list(models))
    request = _request(models[name][max(models[name])])
    if request:
        texts[f"requests/{name}.json"] = request
    for path, text in texts.items():
        record.write(path, text)
    # The last, since it is what makes a running server load a new version.
    _write_models_config(record, {model: sorted(versions) for model, versions in models.items()}, name)
    record.save()
    return [target / path for path in (*texts, _MODELS_CONFIG)]


def resource_name(name: str) -> str:
    """A model's name as a DNS label that starts with a letter; unlike for unlike names."""
    plain = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")
    if plain == name and plain[0].isalpha() and len(plain) <= _LONGEST_LABEL:
        return plain
    start = plain if plain[:1].isalpha() else f"model-{plain}"
    digest = hashlib.sha256(name.encode()).hexdigest()[:8]
    return f"{start[:_LONGEST_LABEL - 9].strip('-')}-{digest}"


def _texts(label: str, models: list[str]) -> dict[str, str]:
    """The content of every file that is made from a template, by path."""
    words = {
        "label": label,
        "image": IMAGE,
        "user": USER,
        "metrics_path": METRICS_PATH,
        "models": " ".join(quote(model, safe="").replace("~", "%7E") for model in models),
    }
    texts = {}
    for template in sorted(path for path in _TEMPLATES.rglob("*") if path.is_file()):
        path = template.relative_to(_TEMPLATES).as_posix()
        indent = " " * (6 if path == "compose.yaml" else 12)
        blocks = {"flags": "\n".join(f"{indent}- {flag}" for flag in FLAGS), "volumes": _volumes(models)}
        texts[path] = Template(template.read_text(encoding="utf-8")).substitute(words, **blocks)
    return texts


def _volumes(models: list[str]) -> str:
    """Compose's mounts of the models, each by itself: nothing else in the folder is the server's business."""
    volumes = []
    for model in models:
        volumes += [
            "      - type: bind",
            f"        source: {_quoted(f'../{model}')}",
            f"        target: {_quoted(f'{models_config.MODELS_FOLDER}/{model}')}",
            "        read_only: true",
            "        bind:",
            "          create_host_path: false",
        ]
    return "\n".join(volumes)


def _quoted(text: str) -> str:
    """A string for a Compose file: JSON's are YAML's too, and a dollar would be a variable."""
    return json.dumps(text, ensure_ascii=False).replace("$", "$$")


def _request(version: Path) -> str | None:
    """The export's own sample as the body of a REST request; None for an export that has none."""
    try:
        described = json.loads((version / "assets.extra" / "tfgen.json").read_text(encoding="utf-8"))
        sample = described["sample"]
        body = {"signature_name": sample["signature"], "instances": sample["instances"]}
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return json.dumps(body) + "\n"


class _Record:
    """What tfgen wrote into a folder: the deployment's name, and each file's SHA-256 to tell whether it was changed."""

    def __init__(self, folder: Path, name: str):
        self.folder = folder
        try:
            record = json.loads((folder / _RECORD).read_text(encoding="utf-8"))
            self.name, self._written = str(record["name"]), dict(record["files"])
        except (OSError, ValueError, KeyError, TypeError):
            self.name, self._written = name, {}

    def write(self, path: str, text: str) -> None:
        """Replaces what tfgen wrote; beside what a person changed, writes FILE.new where there is something new."""
        beside = self.folder / f"{path}.new"
        if self.is_changed(path, text):
            if _digest(text.encode()) != self._written.get(path):
                files.write_bytes(beside, text.encode())
                say(f"'{self.folder / path}' was changed and is kept; what tfgen would write now is in '{beside}'.")
            return
        self.replace(path, text)
        self._written[path] = _digest(text.encode())
        beside.unlink(missing_ok=True)

    def replace(self, path: str, text: str) -> None:
        """Whoever wrote what is there; nothing where it is the same."""
        content = text.encode()
        if self._content(path) != content:
            files.write_bytes(self.folder / path, content)
            self._written[path] = _digest(content)

    def is_changed(self, path: str, text: str) -> bool:
        """Whether somebody else than tfgen wrote what is there, and it is not what tfgen would write now."""
        content = self._content(path)
        return content is not None and content != text.encode() and _digest(content) != self._written.get(path)

    def save(self) -> None:
        """For the next export."""
        files.write_json(self.folder / _RECORD, {"name": self.name, "files": self._written})

    def _content(self, path: str) -> bytes | None:
        try:
            return (self.folder / path).read_bytes()
        except FileNotFoundError:
            return None


def _write_models_config(record: _Record, models: dict[str, list[int]], exported: str) -> None:
    """Carries on the one that is there; keeps a copy where that costs a person's comments."""
    path = record.folder / _MODELS_CONFIG
    try:
        before = path.read_text(encoding="utf-8") if path.exists() else None
        text = models_config.updated(before, models, exported)
    except ValueError as error:
        say(f"'{path}' can't be read: {error}")
        record.write(_MODELS_CONFIG, models_config.updated(None, models, exported))
        return
    if record.is_changed(_MODELS_CONFIG, text):
        files.write_bytes(path.with_name(f"{path.name}.old"), before.encode())
        say(f"Added to '{path}', which was changed; as it was before: '{path.name}.old'.")
    record.replace(_MODELS_CONFIG, text)


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
