"""Every setting of every model refuses what can't work, in a sentence that names the setting or what can be chosen."""

import dataclasses
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.conformance.cases import specification_of
from tfgen import catalog
from tfgen.config import from_json, make_config, parse_pairs, split_settings
from tfgen.errors import UserError

CONFIGS = {name: catalog.MODELS.load(name).Config for name in catalog.MODELS}
CONFIGS |= {name: catalog.OWN_CONFIGS.load(name) for name in catalog.OWN_CONFIGS}
FIELDS = [(model, field) for model, config in CONFIGS.items() for field in dataclasses.fields(config)]
NUMBERS = [(model, field.name) for model, field in FIELDS if field.type in (int, float)]
TEXTS = [(model, field.name) for model, field in FIELDS if field.type is str]


def parse_overrides(overrides, config_class):
    """As the command line has them."""
    return split_settings(parse_pairs(overrides), config_class)


def build(model, *overrides):
    settings, _ = parse_overrides(overrides, CONFIGS[model])
    config = make_config(CONFIGS[model], "tiny", settings)
    return catalog.MODELS.load(model)(config, *specification_of(model))


def assert_sentence(error):
    assert error.exit_code == 2
    assert error.what_is_wrong.endswith(".") and error.what_to_do.endswith((".", "?"))
    assert "\n" not in str(error)


@pytest.mark.parametrize("model, key", [(m, f.name) for m, f in FIELDS if f.type is not str])
def test_wrong_type_is_refused(model, key):
    with pytest.raises(UserError, match=f"Set {key} to") as caught:
        parse_overrides([f"{key}=seven"], CONFIGS[model])
    assert_sentence(caught.value)


@pytest.mark.parametrize("value", [-1, 1e9, math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("model, key", NUMBERS)
def test_out_of_range_is_refused(model, key, value):
    kind = next(field.type for name, field in FIELDS if name == model and field.name == key)
    if kind is int and not math.isfinite(value):
        with pytest.raises(UserError):
            parse_overrides([f"{key}={value}"], CONFIGS[model])
        return
    with pytest.raises(UserError, match=key) as caught:
        make_config(CONFIGS[model], "tiny", {key: kind(value)})
    assert_sentence(caught.value)


@pytest.mark.parametrize("model, key", TEXTS)
def test_unknown_choice_is_refused_and_the_choices_are_named(model, key):
    default = next(field.default for name, field in FIELDS if name == model and field.name == key)
    with pytest.raises(UserError, match="zzz") as caught:
        build(model, f"{key}=zzz")
    assert_sentence(caught.value)
    assert "image/" not in str(caught.value), "the user types the name without its prefix"
    assert default == "auto" or default in str(caught.value)


@pytest.mark.parametrize("model, key", [(m, f.name) for m, f in FIELDS])
def test_misspelt_key_names_the_nearest(model, key):
    with pytest.raises(UserError, match=f"Did you mean '{key}'"):
        parse_overrides([f"{key}z=1"], CONFIGS[model])


@pytest.mark.parametrize("model, field", FIELDS, ids=lambda value: getattr(value, "name", value))
def test_the_default_is_accepted_as_typed_on_the_command_line(model, field):
    settings, _ = parse_overrides([f" {field.name.replace('_', '-')} = {field.default}"], CONFIGS[model])
    assert settings == {field.name: field.default}
    assert getattr(make_config(CONFIGS[model], "small", settings), field.name) == field.default


@pytest.mark.parametrize("model", CONFIGS)
@given(text=st.text(st.characters(exclude_categories=["C", "Z"]), max_size=20))
def test_any_text_is_a_setting_or_a_sentence(model, text):
    try:
        settings, _ = parse_overrides([text], CONFIGS[model])
        make_config(CONFIGS[model], "tiny", settings)
    except UserError as error:
        assert_sentence(error)


@pytest.mark.parametrize("model", CONFIGS)
@given(data=st.data())
def test_any_number_is_in_range_or_a_sentence(model, data):
    key = data.draw(st.sampled_from([key for name, key in NUMBERS if name == model]))
    number = data.draw(st.floats() | st.integers(-(10**20), 10**20))
    try:
        settings, _ = parse_overrides([f"{key}={number}"], CONFIGS[model])
        config = make_config(CONFIGS[model], "tiny", settings)
    except UserError as error:
        assert_sentence(error)
    else:
        assert math.isfinite(getattr(config, key))


@pytest.mark.parametrize("model", CONFIGS)
def test_config_survives_json(model):
    field = next(field for field in dataclasses.fields(CONFIGS[model]) if field.type in (int, float))
    config = make_config(CONFIGS[model], "base", {field.name: field.type(7)})
    assert from_json(CONFIGS[model], dataclasses.asdict(config)) == config
    with pytest.raises(UserError, match="'from_the_future'"):
        from_json(CONFIGS[model], {"from_the_future": 1})


@pytest.mark.parametrize("model", CONFIGS)
def test_the_dial_sets_how_large_the_model_is_unless_it_is_said(model):
    name = next(iter(CONFIGS[model].sizes["tiny"]))  # of most models the width
    sizes = [getattr(make_config(CONFIGS[model], size, {}), name) for size in ("tiny", "small", "base")]
    assert sizes == sorted(sizes) and len(set(sizes)) == 3
    assert getattr(make_config(CONFIGS[model], "base", {name: 5}), name) == 5
