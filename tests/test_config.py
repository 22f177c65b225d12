"""KEY=VALUE settings of the data beside the model's, and the dial; each model's own settings are in conformance."""

from dataclasses import dataclass

import pytest

from tfgen.config import make_config, parse_data_overrides, parse_overrides
from tfgen.errors import UserError


@dataclass(frozen=True)
class Config:
    width: int = 8
    learning_rate: float = 0.1
    spectral_norm: bool = False
    loss: str = "hinge"


def test_settings_of_the_data_stand_apart():
    model, data = parse_overrides(["size=48x96", "width=3", "channels=1"], Config)
    assert model == {"width": 3}
    assert data == {"size": "48x96", "channels": 1}


def test_the_last_of_two_counts():
    assert parse_overrides(["width=3", "width=4"], Config)[0] == {"width": 4}


@pytest.mark.parametrize("text, value", [("true", True), ("Yes", True), ("0", False), ("off", False)])
def test_truth_can_be_written_in_many_ways(text, value):
    assert parse_overrides([f"spectral_norm={text}"], Config)[0] == {"spectral_norm": value}


def test_a_value_may_hold_an_equals_sign():
    assert parse_overrides(["loss=a=b"], Config)[0] == {"loss": "a=b"}


@pytest.mark.parametrize("text", ["width", "", "learning rate 3"])
def test_without_an_equals_sign_it_is_no_setting(text):
    with pytest.raises(UserError, match="KEY=VALUE"):
        parse_overrides([text], Config)


@pytest.mark.parametrize("override", ["width=2.5", "width=", "learning_rate=fast", "spectral_norm=perhaps"])
def test_a_value_of_another_type_is_refused(override):
    with pytest.raises(UserError, match=f"Set {override.partition('=')[0]} to"):
        parse_overrides([override], Config)


def test_data_alone_knows_no_settings_of_a_model():
    assert parse_data_overrides(["size=9"]) == {"size": "9"}
    with pytest.raises(UserError, match="No setting named 'width'"):
        parse_data_overrides(["width=3"])


def test_unknown_size_names_the_nearest():
    with pytest.raises(UserError, match="Did you mean 'small'"):
        make_config(Config, "smal", {})
