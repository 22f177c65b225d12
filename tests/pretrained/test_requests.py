"""Starts that can't be: each is refused with a sentence, before anything is written."""

import sys

import pytest

from tests.conftest import fit_run
from tfgen.errors import UserError
from tfgen.run import runs_folder
from tfgen.training.request import FitRequest, check


pytestmark = pytest.mark.slow


@pytest.mark.parametrize(
    "options, words",
    [
        ({"start": "gpt2_bse_en"}, "Did you mean 'gpt2_base_en'?"),
        ({"start": "./nowhere"}, "There is no preset and no folder named './nowhere'. Name a folder, or one of: gpt2"),
        ({"start": "."}, "'.' is no preset. Give a folder as KerasHub saves it"),
        ({"lora": 0}, "--lora must be between 1 and 256, not 0"),
        ({"size": "tiny"}, "--size and --from are both given"),
        ({"overrides": ("hidden_dim=64",)}, "'hidden_dim' comes with what --from names"),
        ({"overrides": ("tokenizer=bpe",)}, "'tokenizer' comes with what --from names"),
        ({"overrides": ("vocabulary_size=400",)}, "'vocabulary_size' comes with what --from names"),
        ({"overrides": ("context=65",)}, "The preset knows 64 positions, fewer than context=65"),
        ({"overrides": ("width=8",)}, "No setting named 'width'"),
    ],
)
def test_what_can_not_be_is_refused_before_anything_is_written(preset, notes, options, words):
    request = {"size": None, "start": str(preset), **options}
    overrides = request.pop("overrides", ())
    with pytest.raises(UserError, match=words):
        fit_run("gpt", "new", notes, 5, *overrides, **request)
    assert not runs_folder().exists()


@pytest.mark.parametrize(
    "model, options, words",
    [
        ("gan", {"start": "gpt2_base_en"}, "There is no run 'gpt2_base_en'."),
        ("gpt", {"lora": 8}, "--lora has no weights to stand beside. Name a pre-trained start with --from PRESET."),
    ],
)
def test_models_and_ranks_that_have_no_start_are_refused_at_once(model, options, words):
    with pytest.raises(UserError, match=words):
        check(FitRequest(model, **options))


def test_resume_keeps_the_start(adapted):
    for change in ({"start": "gpt2_base_en"}, {"lora": 8}):
        with pytest.raises(UserError, match="keeps the settings that it began with"):
            fit_run("gpt", adapted.path, None, None, size=None, resume=True, **change)


def test_without_a_network_it_says_what_to_do(notes, monkeypatch):
    import keras_hub

    def offline(*arguments, **keywords):
        raise OSError("HTTPSConnectionPool(host='www.kaggle.com', port=443): Max retries exceeded")

    monkeypatch.setattr(keras_hub.models.Backbone, "from_preset", offline)
    with pytest.raises(UserError, match="'gpt2_base_en' can't be had: .*Max retries.*--from path/to/folder"):
        fit_run("gpt", "new", notes, 5, size=None, start="gpt2_base_en")


def test_a_folder_that_is_no_preset_needs_no_keras_hub_to_be_told_so(notes, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "keras_hub", None)
    with pytest.raises(UserError, match="is no preset. Give a folder as KerasHub saves it"):
        fit_run("gpt", "new", notes, 5, size=None, start=str(tmp_path))


def test_without_keras_hub_it_says_what_to_install(notes, monkeypatch):
    monkeypatch.setitem(sys.modules, "keras_hub", None)
    with pytest.raises(UserError, match=r"KerasHub, which isn't installed. Use: pip install 'tfgen\[pretrained\]'"):
        fit_run("gpt", "new", notes, 5, size=None, start="gpt2_base_en")


def test_another_architecture_is_refused(notes, tmp_path):
    import keras_hub

    backbone = keras_hub.models.OPTBackbone(
        vocabulary_size=50, num_layers=1, num_heads=2, hidden_dim=8, intermediate_dim=8, max_sequence_length=8
    )
    backbone.save_to_preset(str(tmp_path / "opt"))
    with pytest.raises(UserError, match="is a OPTBackbone, and tfgen knows how to go on with GPT-2's"):
        fit_run("gpt", "new", notes, 5, size=None, start=str(tmp_path / "opt"))
