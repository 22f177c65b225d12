"""Which versions of which models are loaded.

A version goes from START over LOADING to AVAILABLE, and over UNLOADING to END; one that can't be loaded goes to END
with the reason. A new version is up before the old one goes, and the old one goes when its last request was answered.
Changes (polls, reloads) come one at a time, from a thread of their own; requests only take a short lock.
"""

import gc
import os
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from grpc import StatusCode
from tensorflow_serving.apis.get_model_status_pb2 import ModelVersionStatus
from tensorflow_serving.apis.model_pb2 import ModelSpec
from tensorflow_serving.config.model_server_config_pb2 import ModelConfig, ModelServerConfig

from tfgen.serve.configuration import check_models, wanted_versions, what_is_missing
from tfgen.serve.servable import Servable
from tfgen.serve.status import ServingError, invalid, missing, of_tensorflow, unmet

START, LOADING, AVAILABLE, UNLOADING, END = (
    getattr(ModelVersionStatus, name) for name in ("START", "LOADING", "AVAILABLE", "UNLOADING", "END")
)


@dataclass
class Version:
    """One version's way from START to END."""

    number: int
    path: Path
    state: int = START
    error: ServingError | None = None
    servable: Servable | None = None
    in_flight: int = 0
    tried: tuple = ()  # what lay on the disk when loading failed; it is tried again once that changes


@dataclass
class Model:
    """A model's configuration and what became of its versions."""

    config: ModelConfig
    versions: dict[int, Version] = field(default_factory=dict)

    def available(self) -> list[int]:
        return sorted(number for number, version in self.versions.items() if version.state == AVAILABLE)


class Handle:
    """A version that a request uses; it stays loaded until it is released."""

    def __init__(self, servable: Servable, release: Callable[[], None]):
        self.servable = servable
        self.release = release


class Manager:
    """Loads and unloads versions, and hands them to requests."""

    def __init__(self, tell: Callable[[str], None], load: Callable[[str, int, Path], Servable] | None = None):
        self._tell = tell
        self._load = load or _load
        self._lock = threading.Lock()  # for everything below
        self._idle = threading.Condition(self._lock)
        self._changing = threading.Lock()  # one change at a time
        self._models: dict[str, Model] = {}
        self._configured: set[str] = set()

    # What requests ask.

    def acquire(self, spec: ModelSpec) -> Handle:
        """The version that a request asks for: by number, by label, or the highest that is available.

        Raises:
            ServingError: there is none.
        """
        if not spec.name:
            raise invalid("ModelSpec has no name specified.")
        with self._lock:
            number = self._wanted(spec)
            model = self._models.get(spec.name)
            available = model.available() if model else []
            if number is None and available:
                number = available[-1]
            if number not in available:
                wanted = f"Latest({spec.name})" if number is None else f"Specific({spec.name}, {number})"
                raise missing(f"Servable not found for request: {wanted}")
            version = model.versions[number]
            version.in_flight += 1
        return Handle(version.servable, lambda: self._release(version))

    def statuses(self, spec: ModelSpec) -> list[ModelVersionStatus]:
        """The state of one version, or of all that a model has or had, newest first.

        Raises:
            ServingError: there is none.
        """
        with self._lock:
            number = self._wanted(spec)
            model = self._models.get(spec.name)
            versions = dict(model.versions) if model else {}
        if number is not None:
            if number not in versions:
                raise missing(f"Could not find version {number} of model {spec.name}")
            return [_status(versions[number])]
        if not versions:
            raise missing(f"Could not find any versions of model {spec.name}")
        return [_status(versions[number]) for number in sorted(versions, reverse=True)]

    def knows(self, name: str) -> bool:
        """Whether a model with this name is, or was, served."""
        return name in self._models

    def available(self) -> list[Servable]:
        """Everything that is up."""
        with self._lock:
            models = sorted(self._models.items())
            return [model.versions[number].servable for _, model in models for number in model.available()]

    # What changes things.

    def configure(self, configuration: ModelServerConfig, at_start: bool = False) -> None:
        """Serves what a configuration says, and nothing else.

        Raises:
            ServingError: it is not valid, or a model that is new in it did not come up.
        """
        if configuration.WhichOneof("config") != "model_config_list":
            raise invalid(
                "ServerModelConfig type not supported by HandleReloadConfigRequest."
                " Only ModelConfigList is currently supported"
            )
        models = list(configuration.model_config_list.config)
        check_models(models)
        with self._changing:
            if not at_start:
                self._check_labels(models)
            new = {model.name for model in models} - self._configured
            self._take_over(models)
            self._bring_all()
            self._check_came_up(new)
            if at_start:
                self._check_labels(models)

    def poll(self) -> None:
        """Looks what versions lie on the disk now; loads and unloads accordingly."""
        with self._changing:
            self._bring_all()

    def _take_over(self, models: list[ModelConfig]) -> None:
        with self._lock:
            for config in models:
                self._models.setdefault(config.name, Model(config)).config = config
            self._configured = {config.name for config in models}

    def _bring_all(self) -> None:
        for name in sorted(self._configured):
            wanted = wanted_versions(self._models[name].config)
            if wanted is not None:
                self._bring(self._models[name], wanted)
        for name in sorted(self._models.keys() - self._configured):
            self._bring(self._models[name], {})

    def _bring(self, model: Model, wanted: dict[int, Path]) -> None:
        """Loads what is wanted, then unloads what isn't, unless nothing that is wanted came up."""
        for number, path in sorted(wanted.items()):
            if self._should_load(model, number, path):
                self._bring_up(model, number, path)
        available = model.available()
        if not wanted or set(available) & wanted.keys():
            for number in available:
                if number not in wanted:
                    self._bring_down(model, number)

    def _should_load(self, model: Model, number: int, path: Path) -> bool:
        version = model.versions.get(number)
        if version is None or version.state == END and version.error is None:
            return True
        return version.error is not None and version.tried != _contents(path)

    def _bring_up(self, model: Model, number: int, path: Path) -> None:
        name = model.config.name
        version = Version(number, path, LOADING, tried=_contents(path))
        with self._lock:
            model.versions[number] = version
        try:
            servable = self._load(name, number, path)
        except Exception as error:
            reason = error if isinstance(error, ServingError) else of_tensorflow(error)
            with self._lock:
                version.state, version.error = END, reason
            self._tell(f"{name} version {number} can't be loaded: {reason.message.strip().splitlines()[0]}")
            return
        with self._lock:
            version.servable, version.state = servable, AVAILABLE
        self._tell(f"{name} version {number} is up")

    def _bring_down(self, model: Model, number: int) -> None:
        version = model.versions[number]
        with self._lock:
            version.state = UNLOADING
            while version.in_flight:
                self._idle.wait()
            servable, version.servable, version.state = version.servable, None, END
        servable.close()
        del servable
        gc.collect()
        self._tell(f"{model.config.name} version {number} is gone")

    def _release(self, version: Version) -> None:
        with self._lock:
            version.in_flight -= 1
            if not version.in_flight and version.state == UNLOADING:
                self._idle.notify_all()

    def _wanted(self, spec: ModelSpec) -> int | None:
        """The version's number that a request names, by itself or by a label."""
        if spec.WhichOneof("version_choice") != "version_label":
            return spec.version.value if spec.HasField("version") else None
        model = self._models.get(spec.name) if spec.name in self._configured else None
        labels = model.config.version_labels if model else {}
        if spec.version_label not in labels:
            raise invalid(f"Unrecognized servable version label: {spec.version_label}")
        return labels[spec.version_label]

    def _check_labels(self, models: list[ModelConfig]) -> None:
        for config in models:
            available = self._models[config.name].available() if config.name in self._models else []
            for number in config.version_labels.values():
                if number not in available:
                    raise unmet(
                        f"Request to assign label to version {number} of model {config.name}, "
                        "which is not currently available for inference"
                    )

    def _check_came_up(self, names: set[str]) -> None:
        absent = [name for name in sorted(names) if not self._models[name].available()]
        if absent:
            reasons = "".join(f"{{{name}{self._reason(name)}}}, " for name in absent)
            raise ServingError(StatusCode.UNKNOWN, f"{len(absent)} model(s) did not become available: {{{reasons}}}")

    def _reason(self, name: str) -> str:
        errors = [version.error for _, version in sorted(self._models[name].versions.items()) if version.error]
        reason = errors[-1].message if errors else what_is_missing(self._models[name].config)
        return f" due to error: {reason}" if reason else ""


def _load(name: str, number: int, path: Path) -> Servable:
    servable = Servable(name, number, path)
    try:
        servable.warm_up()
    except Exception:
        servable.close()
        raise
    return servable


def _contents(path: Path) -> tuple:
    """What tells whether the files of a version have changed."""
    found = []
    for folder, _, names in os.walk(path):
        for name in names:
            try:
                about = os.stat(os.path.join(folder, name))
            except OSError:
                continue
            found.append((folder, name, about.st_size, about.st_mtime_ns))
    return tuple(sorted(found))


def _status(version: Version) -> ModelVersionStatus:
    status = ModelVersionStatus(version=version.number, state=version.state)
    status.status.error_code = version.error.code.value[0] if version.error else 0
    status.status.error_message = version.error.message if version.error else ""
    return status
