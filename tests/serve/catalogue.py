"""Exports of what the catalog has, without a fit: what a server does with wrong shapes needs no good weights."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np

from tfgen.catalog import MODELS, NETWORKS
from tfgen.export import saved_model
from tfgen.export.arrays import ArrayExport
from tfgen.export.sequences import SequenceExport
from tfgen.export.signatures import SERVER, ExportedModel
from tfgen.modalities.image.codec import ImageCodec
from tfgen.modalities.text.codec import TextCodec
from tfgen.modalities.text.learning import learn
from tfgen.representations import ARRAYS, SEQUENCES
from tfgen.representations.arrays.conditions import Conditions
from tfgen.representations.arrays.vocabulary import Vocabulary


def save_catalogue(folder: Path) -> list[str]:
    """Writes version 1 of every model and every network, as models of one folder; their names.

    The networks are those of a VAE: its decoders are a GAN's generators, and it has encoders too. A style network's
    mapping is a GAN's alone.
    """
    exports = {}
    for model in MODELS:
        if ARRAYS in MODELS.load(model).representations:
            networks = NETWORKS if model == "vae" else ["style"]
            exports.update({f"{model}-{network}": _of_arrays(model, network) for network in networks})
        elif SEQUENCES in MODELS.load(model).representations:
            exports[model] = _of_sequences(model)
    for name, exported in exports.items():
        (folder / name).mkdir()
        saved_model.save(exported, folder / name / "1")
    return list(exports)


def _of_arrays(model: str, network: str) -> ExportedModel:
    model_class, codec = MODELS.load(model), ImageCodec.of_shape((12, 20, 3), 100)
    vocabulary = Vocabulary.of(["cat", "red dog"], np.array([0, 1, 1], np.int32), "labels")
    config = model_class.Config(network=network, width=2, latent_dim=3, prompt_dim=2, batch_size=4)
    made = model_class(config, codec.specification, Conditions.of(vocabulary), seed=1)
    return ArrayExport(SimpleNamespace(vocabulary=lambda: vocabulary), codec, made, SERVER)


def _of_sequences(model: str) -> ExportedModel:
    codec = TextCodec(learn(["The cat sat on a mat. "] * 9, "characters"), "text", None, 1, 100)
    model_class = MODELS.load(model)
    config = model_class.Config(**{**model_class.Config.sizes["tiny"], "context": 16})
    return SequenceExport(SimpleNamespace(), codec, model_class(config, codec.specification, None, seed=1), SERVER)
