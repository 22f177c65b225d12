"""Settings of a model: one dial for its size, KEY=VALUE for the rest, and JSON for the run."""

import dataclasses
from collections.abc import Iterable, Mapping
from typing import Any

from tfgen.arguments import plain
from tfgen.errors import UserError, unknown

SIZES = ("tiny", "small", "base")  # the dial

_STORED = {"int": int, "float": (int, float), "bool": bool, "str": str}  # by the name of a field's type
_YES = {"true": True, "yes": True, "on": True, "1": True, "false": False, "no": False, "off": False, "0": False}


def parse_pairs(pairs: Iterable[str]) -> dict[str, str]:
    """'key=value' strings as a dict, the last of a key. Raises UserError where one has no '='."""
    settings = {}
    for pair in pairs:
        key, separator, text = pair.partition("=")
        if not separator:
            raise UserError(f"'{pair}' is not a setting.", "Write it as KEY=VALUE, such as --set batch_size=32.")
        key, dot, name = key.strip().partition(".")
        settings[key.replace("-", "_") + dot + name] = text.strip()  # a family's names are the data's: they stay
    return settings


def split_settings(settings: Mapping[str, Any], config_class: type | None) -> tuple[dict[str, Any], dict[str, Any]]:
    """Settings as (the model's, each of its field's type; the data's, as they are given: their modality checks them).

    Raises:
        UserError: a key is unknown (the nearest is named) or a value is not of its type.
    """
    fields = {field.name: field for field in dataclasses.fields(config_class)} if config_class else {}
    known, families = data_settings(), families_of_settings()
    model, data = {}, {}
    for key, value in settings.items():
        family, dot, name = key.partition(".")
        if key in fields:
            model[key] = parse_value(key, value, fields[key].type)
        elif key in known:
            data[key] = {**data.get(key, {}), **value} if key in families and isinstance(value, dict) else plain(value)
        elif dot and name and family in families:
            data[family] = {**data.get(family, {}), name: plain(value)}
        else:
            raise unknown("setting", key, [*fields, *known, *(f"{each}.{name}" for each in families if dot and name)])
    return model, data


def data_settings() -> list[str]:
    """The names of the settings that some modality has for its data."""
    return list(_all_data_settings())


def families_of_settings() -> list[str]:
    """Those of them that are families: KEY.NAME=VALUE."""
    return [key for key, setting in _all_data_settings().items() if setting.is_family]


def _all_data_settings() -> dict[str, Any]:
    from tfgen.catalog import MODALITIES

    return {key: setting for modality in MODALITIES.all() for key, setting in modality.settings.items()}


def check_size(size: str) -> None:
    """Raises UserError, with the nearest size, where the dial has no such position."""
    if size not in SIZES:
        raise unknown("size", size, SIZES)


def make_config(config_class: type, size: str, overrides: dict[str, Any]) -> Any:
    """A model's config: what the dial sets, then the overrides. Raises UserError for values that can't work."""
    check_size(size)
    return make_fixed_config(config_class, {**config_class.sizes[size], **overrides})


def make_fixed_config(config_class: type, settings: dict[str, Any]) -> Any:
    """The config of a model that has no dial. Raises UserError for values that can't work."""
    config = config_class(**settings)
    _check_ranges(config)
    return config


def from_json(config_class: type, value: dict[str, Any]) -> Any:
    """A config as `dataclasses.asdict` wrote it.

    Raises:
        UserError: a key is from another version, or a value can't be: what a run says may be anybody's.
    """
    fields = {field.name for field in dataclasses.fields(config_class)}
    for key in value:
        if key not in fields:
            raise UserError(
                f"The run has a setting '{key}' that this version doesn't know.", "Use the version that made it."
            )
    config = config_class(**{**earlier(config_class), **value})
    for field in dataclasses.fields(config):
        stored, kind = getattr(config, field.name), getattr(field.type, "__name__", field.type)
        if not isinstance(stored, _STORED.get(kind, object)):
            raise UserError(f"The run's setting {field.name} is {str(stored)[:40]}.", "Restore its run.json.")
    _check_ranges(config)
    return config


def earlier(config_class: type) -> dict[str, Any]:
    """What runs had, by the name of the setting, from before there was this setting."""
    fields = {field.name: field.metadata.get("before") for field in dataclasses.fields(config_class)}
    return {name: value for name, value in fields.items() if value is not None}


def parse_value(key: str, value: Any, kind: Any) -> Any:
    """A setting as bool, int, float or str, from what was typed or passed. Raises UserError where it is none."""
    kind = {"int": int, "float": float, "bool": bool, "str": str}.get(kind, kind)
    wanted = {int: "a whole number", float: "a number", bool: "true or false", str: "a text"}[kind]
    fits = {int: (int,), float: (int, float), bool: (bool,), str: (str,)}[kind]
    value = plain(value)
    if isinstance(value, fits) and not (kind is not bool and isinstance(value, bool)):
        return kind(value.strip()) if kind is str else kind(value)
    try:
        if not isinstance(value, str):
            raise ValueError
        return _YES[value.strip().lower()] if kind is bool else kind(value)
    except (ValueError, KeyError):
        raise UserError(f"'{value}' is not {wanted}.", f"Set {key} to {wanted}.") from None


def setting(
    default: Any, help: str, low: float | None = None, high: float | None = None, before: Any = None
) -> Any:
    """A field of a model's config: what it does, in words, between which values it works, and what runs had from before
    there was this setting, where that is not the default."""
    return dataclasses.field(default=default, metadata={"help": help, "low": low, "high": high, "before": before})


def of_preset(help: str, high: float) -> Any:
    """A field that must be given, since the preset that a model begins with says it; at most `high`."""
    return dataclasses.field(metadata={"help": help, "low": 1, "high": high})


def described(field: dataclasses.Field) -> str:
    """What a setting does, with its range."""
    low, high = field.metadata.get("low"), field.metadata.get("high")
    return field.metadata["help"] + ("" if low is None else f" ({low:g} to {high:g})")


def _check_ranges(config: Any) -> None:
    for field in dataclasses.fields(config):
        low, high, value = field.metadata.get("low"), field.metadata.get("high"), getattr(config, field.name)
        # Written so that not-a-number fails too.
        if low is not None and not low <= value <= high:
            shown = str(value)[:40]
            raise UserError(f"{field.name} must be between {low:g} and {high:g}, not {shown}.", "Set another value.")
