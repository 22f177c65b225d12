"""A KerasHub preset of GPT-2, read once: its network's sizes, its tokenizer and its weights, in the forms of a run."""

import dataclasses
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tfgen import checkpoints, config, files
from tfgen.catalog import PRETRAINED
from tfgen.data.prepared import cache_folder
from tfgen.errors import UserError, nearest
from tfgen.run import START, START_TOKENIZER
from tfgen.training.initial_weights import InitialWeights

END = "<|endoftext|>"
CONTEXT = 256  # by default; the whole 1,024 of GPT-2 take four times as long
LORA_RATE = 1e-3  # by default; what begins at zero has a longer way to go
_SIZES = ("num_layers", "num_heads", "hidden_dim", "intermediate_dim", "max_sequence_length")
_FOLDER = "Give a folder as KerasHub saves it: config.json, model.weights.h5, tokenizer.json and assets/."
_TOKENS = "token_embedding/embeddings"


@dataclass(frozen=True)
class PresetWeights(InitialWeights):
    """See InitialWeights.

    preset: as the user typed it.
    weights: by KerasHub's paths.
    """

    has_network = True

    preset: str = ""
    lora: int = 0
    weights: Mapping[str, np.ndarray] = dataclasses.field(default_factory=dict)

    def settings(self, overrides: Mapping[str, Any], size: str, examples: Any = None) -> Any:
        return config.make_fixed_config(self.model_class.Config, {**self.defaults, **overrides})

    def widen(self, examples: Any) -> Any:
        """As the base's: a prompt may have the letters that the preset's tokens have, not the text's alone."""
        return examples.beside(())

    def record(self, size: str) -> dict[str, Any]:
        own = {"tokenizer": START_TOKENIZER}
        return {"size": None, "start": {"preset": self.preset, "lora": self.lora, "files": own}}

    def files(self, model: Any, examples: Any, record: dict[str, Any]) -> dict[str, Any]:
        variables = {**model.state(), **model.frozen()}
        named = {name.replace("/self_attention/", "/"): value for name, value in self.weights.items()}
        arrays = {name: self._fit(name, value, variables[name].shape) for name, value in named.items()}
        content, record["start"]["digest"] = checkpoints.pack(arrays)
        return {START: content, START_TOKENIZER: Path(self.data["tokenizer"]).read_bytes()}

    def _fit(self, name: str, value: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
        """KerasHub's heads have an axis of their own; and tokens that the preset lacks begin as its end of a text."""
        missing = shape[0] - len(value)
        if name != _TOKENS or missing <= 0:
            return value.reshape(shape)
        if self.lora:
            raise UserError(
                "The data has tokens of its own, such as those of chats, which LoRA can't learn.", "Leave out --lora."
            )
        return np.concatenate([value, np.repeat(value[-1:], missing, axis=0)])


def open_preset(preset: str, lora: int) -> PresetWeights:
    """A preset's weights.

    Args:
        preset: a name that KerasHub knows, a handle such as kaggle://..., or a folder.
        lora: the rank of what is learned beside the weights; 0 for the weights themselves.

    Raises:
        UserError: KerasHub isn't installed, the preset can't be had, or it is no GPT-2.
    """
    backbone, vocabulary, merges = _read(preset)
    if len(vocabulary) != backbone.vocabulary_size or vocabulary.get(END) != len(vocabulary) - 1:
        raise UserError(
            f"The preset '{preset}' has a tokenizer that isn't GPT-2's: its last token is not {END}, or not the "
            "network's last.",
            "Choose another preset, such as gpt2_base_en.",
        )
    sizes = {name: getattr(backbone, name) for name in _SIZES}
    defaults = {**sizes, "context": min(CONTEXT, backbone.max_sequence_length), "lora": lora}
    if lora:
        defaults["learning_rate"] = LORA_RATE
    weights = {variable.path: variable.numpy() for variable in backbone.weights}
    path = _keep_tokenizer(tokenizer_json(vocabulary, merges))
    data = {"tokenizer": str(path), "vocabulary_size": None}
    return PresetWeights(PRETRAINED.load("gpt"), defaults, data, preset=preset, lora=lora, weights=weights)


def tokenizer_json(vocabulary: Mapping[str, int], merges: list[str]) -> str:
    """GPT-2's byte-level BPE in the form of the library `tokenizers`, with the rule by which GPT-2 itself cut words."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers

    pairs = [tuple(merge.split(" ")) for merge in merges if merge and not merge.startswith("#version")]
    library = Tokenizer(models.BPE(vocab=dict(vocabulary), merges=pairs))
    library.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    library.decoder = decoders.ByteLevel()
    library.add_special_tokens([END])
    return library.to_str()


def _keep_tokenizer(content: str) -> Path:
    """A place for a tokenizer.json that is the same each time, so that texts are encoded but once for it."""
    path = cache_folder() / f"tokenizer-{hashlib.sha256(content.encode()).hexdigest()[:16]}.json"
    files.write_bytes(path, content.encode())
    return path


def _read(preset: str) -> tuple[Any, dict[str, int], list[str]]:
    """KerasHub's GPT2Backbone with its weights, the tokens' ids, and the merges."""
    folder = Path(preset).expanduser()
    if folder.is_dir() and not (folder / "config.json").exists():
        raise UserError(f"'{preset}' is no preset.", _FOLDER)
    hub = _keras_hub()
    _check_name(preset, hub)
    source = str(folder.resolve()) if folder.is_dir() else preset  # a folder named like a preset is meant itself
    try:
        backbone = hub.models.Backbone.from_preset(source, dtype="float32")
        if not isinstance(backbone, hub.models.GPT2Backbone):
            raise UserError(
                f"The preset '{preset}' is a {type(backbone).__name__}, and tfgen knows how to go on with GPT-2's.",
                "Choose one such as gpt2_base_en.",
            )
        tokenizer = hub.models.GPT2Tokenizer.from_preset(source)
    except UserError:
        raise
    except Exception as error:  # a missing file, a broken one, no network, no leave: each is a class of its own
        reason = " ".join(str(error).split())[:200].rstrip(".")
        if folder.is_dir():
            advice = _FOLDER
        else:
            advice = "It would be downloaded from there; or name a folder that holds a copy: --from path/to/folder"
        raise UserError(f"The preset '{preset}' can't be had: {reason}.", advice) from error
    return backbone, dict(tokenizer.vocabulary), list(tokenizer.merges)


def _keras_hub() -> Any:
    try:
        import keras_hub
    except ImportError as error:
        raise UserError(
            "A pre-trained start needs KerasHub, which isn't installed.", "Use: pip install 'tfgen[pretrained]'"
        ) from error
    return keras_hub


def _check_name(preset: str, hub: Any) -> None:
    """Raises UserError for a name that is neither a folder nor known, before anything is looked for elsewhere."""
    names = list(hub.models.GPT2Backbone.presets)
    if preset in names or "://" in preset or Path(preset).expanduser().is_dir():
        return
    close = nearest(preset, names, count=1)
    advice = f"Did you mean '{close[0]}'?" if close else f"Name a folder, or one of: {', '.join(names)}."
    raise UserError(f"There is no preset and no folder named '{preset}'.", advice)
