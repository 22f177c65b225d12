"""What a configuration of models may say, and which versions on the disk it asks for."""

import os
from pathlib import Path

from tensorflow_serving.config.model_server_config_pb2 import ModelConfig

from tfgen.export.published import versions_in
from tfgen.serve.status import invalid
from tfgen.serve.target import PLATFORM


def check_models(models: list[ModelConfig]) -> None:
    """Raises ServingError for a list that can't be served, in TensorFlow Serving's words."""
    names = [model.name for model in models]
    for model in models:
        if names.count(model.name) > 1:
            raise invalid(f"Illegal to list model {model.name} multiple times in config list")
        if not model.name:
            raise invalid("Illegal to list a model without a name")
        if not model.model_platform:
            raise invalid("Illegal setting neither model_type(deprecated) nor model_platform.")
        if model.model_platform != PLATFORM:
            raise invalid(f"Model {model.name} requests unsupported platform {model.model_platform}")
        if not os.path.isabs(model.base_path):
            what = f"Expected model {model.name} to have an absolute path or URI; got base_path()={model.base_path}"
            raise invalid(what)


def what_is_missing(config: ModelConfig) -> str:
    """Why there is nothing to load where a model's base_path points, in words; "" where there is something."""
    base = Path(config.base_path)
    try:
        present = versions_in(base)
    except OSError as error:
        return f"its base_path {base} can't be read: {error.strerror}"
    if not present:
        inside = sorted(child.name for child in base.iterdir())
        found = f"only {', '.join(inside[:5])}{' and more' if len(inside) > 5 else ''}" if inside else "nothing"
        return f"its base_path {base} has no NUMBER/saved_model.pb, {found}"
    if not wanted_versions(config):
        numbers = ", ".join(map(str, config.model_version_policy.specific.versions))
        return f"its base_path {base} has not the versions {numbers} that it asks for, but {_list(present)}"
    return ""


def _list(versions: dict[int, Path]) -> str:
    return ", ".join(map(str, sorted(versions)))


def wanted_versions(config: ModelConfig) -> dict[int, Path] | None:
    """The versions on the disk that the policy asks for; None where the folder is gone, which changes nothing."""
    try:
        present = versions_in(Path(config.base_path))
    except OSError:
        return None
    policy = config.model_version_policy
    kind = policy.WhichOneof("policy_choice")
    if kind == "all":
        return present
    if kind == "specific":
        return {number: present[number] for number in policy.specific.versions if number in present}
    count = (policy.latest.num_versions if kind == "latest" else 0) or 1
    return {number: present[number] for number in sorted(present)[-count:]}
