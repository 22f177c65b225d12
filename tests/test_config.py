"""KEY=VALUE settings of the data beside the model's, and the dial; each model's own settings are in conformance."""

from dataclasses import dataclass

import numpy as np
import pytest

from tfgen.config import make_config, parse_pairs, split_settings
from tfgen.errors import UserError


@dataclass(frozen=True)
class Config:
    width: int = 8
    learning_rate: float = 0.1
    spectral_norm: bool = False
    loss: str = "hinge"


def settings_of_model(*pairs):
    return split_settings(parse_pairs(pairs), Config)[0]


def test_settings_of_the_data_stand_apart():
    model, data = split_settings(parse_pairs(["size=48x96", "width=3", "channels=1"]), Config)
    assert model == {"width": 3}
    assert data == {"size": "48x96", "channels": "1"}, "their modality says what they are"


def test_the_last_of_two_counts():
    assert settings_of_model("width=3", "width=4") == {"width": 4}


@pytest.mark.parametrize("text, value", [("true", True), ("Yes", True), ("0", False), ("off", False)])
def test_truth_can_be_written_in_many_ways(text, value):
    assert settings_of_model(f"spectral_norm={text}") == {"spectral_norm": value}


def test_a_value_may_hold_an_equals_sign_and_a_name_dashes():
    assert settings_of_model("loss=a=b", "learning-rate=1") == {"loss": "a=b", "learning_rate": 1.0}


@pytest.mark.parametrize("text", ["width", "", "learning rate 3"])
def test_without_an_equals_sign_it_is_no_setting(text):
    with pytest.raises(UserError, match="KEY=VALUE"):
        parse_pairs([text])


@pytest.mark.parametrize("override", ["width=2.5", "width=", "learning_rate=fast", "spectral_norm=perhaps"])
def test_a_value_of_another_type_is_refused(override):
    with pytest.raises(UserError, match=f"Set {override.partition('=')[0]} to"):
        settings_of_model(override)


def test_python_gives_values_of_their_own_type():
    given = {"width": np.int64(3), "learning_rate": 1, "spectral_norm": True, "loss": "hinge"}
    assert split_settings(given, Config)[0] == {**given, "width": 3, "learning_rate": 1.0}
    for wrong in ({"width": 2.5}, {"width": True}, {"width": None}, {"loss": 3}, {"spectral_norm": 1}):
        with pytest.raises(UserError, match=f"Set {next(iter(wrong))} to"):
            split_settings(wrong, Config)


def test_data_alone_knows_no_settings_of_a_model():
    assert split_settings({"size": "9"}, None) == ({}, {"size": "9"})
    with pytest.raises(UserError, match="No setting named 'width'"):
        split_settings({"width": "3"}, None)


def test_unknown_size_names_the_nearest():
    with pytest.raises(UserError, match="Did you mean 'small'"):
        make_config(Config, "smal", {})


def test_a_name_of_a_family_keeps_its_dashes():
    assert parse_pairs(["batch-size.a-b=1"]) == {"batch_size.a-b": "1"}
