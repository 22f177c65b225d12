"""Everything that can be extended, one line per entry.

An entry is a "module:object" string, so that listing names never imports TensorFlow. Being listed puts a name into
the command line's choices, the docs' tables and the conformance tests.
"""

import importlib
from collections.abc import Iterator, Mapping
from typing import Any

from tfgen.errors import unknown


class Catalog(Mapping[str, str]):
    """Names and where their objects live; `load` imports one."""

    def __init__(self, kind: str, entries: dict[str, str]):
        self.kind = kind
        self._entries = entries

    def __getitem__(self, name: str) -> str:
        return self._entries[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)

    def load(self, name: str) -> Any:
        """The object behind `name`. Raises UserError, with the nearest name, where there is none."""
        if name not in self._entries:
            # A name with a prefix is looked up by the prefix's owner; the user types what stands behind it.
            prefix = name.rpartition("/")[0]
            alike = [entry for entry in self._entries if entry.rpartition("/")[0] == prefix]
            raise unknown(self.kind, name.rpartition("/")[2], [entry.rpartition("/")[2] for entry in alike])
        module, attribute = self._entries[name].split(":")
        return getattr(importlib.import_module(module), attribute)


MODELS = Catalog(
    "model", {"gan": "tfgen.models.gan:GAN", "vae": "tfgen.models.vae:VAE", "gpt": "tfgen.models.gpt:GPT"}
)

# Of models that can begin with learned weights: what they are then, and what reads a preset for them.
PRETRAINED = Catalog("pre-trained model", {"gpt": "tfgen.models.pretrained:PretrainedGPT"})

STARTS = Catalog("pre-trained start", {"gpt": "tfgen.fit.preset:open_preset"})

MODALITIES = Catalog(
    "modality", {"image": "tfgen.data.image:ImageModality", "text": "tfgen.data.text.modality:TextModality"}
)

TRAININGS = Catalog(
    "modality", {"image": "tfgen.fit.image:ImageTraining", "text": "tfgen.fit.text:TextTraining"}
)

GENERATORS = Catalog(
    "modality", {"image": "tfgen.generate.image:ImageGenerator", "text": "tfgen.generate.text:TextGenerator"}
)

EXAMINERS = Catalog(
    "modality",
    {
        "image": "tfgen.evaluate.image.examiner:ImageExaminer",
        "text": "tfgen.evaluate.text.examiner:TextExaminer",
    },
)

METRICS = Catalog(
    "metric",
    {
        "image/frechet": "tfgen.evaluate.metrics.frechet:frechet_distance",
        "image/kernel": "tfgen.evaluate.metrics.kernel:kernel_distance",
        "image/precision-recall": "tfgen.evaluate.metrics.precision_recall:precision_recall",
        "image/density-coverage": "tfgen.evaluate.metrics.density_coverage:density_coverage",
        "image/adherence": "tfgen.evaluate.metrics.adherence:prompt_adherence",
        "image/diversity": "tfgen.evaluate.metrics.diversity:diversity",
        "image/copying": "tfgen.evaluate.metrics.copying:copying",
        "image/membership": "tfgen.evaluate.metrics.membership:membership",
        "image/likelihood": "tfgen.evaluate.metrics.likelihood:log_likelihood_bound",
        "image/reconstruction": "tfgen.evaluate.metrics.reconstruction:reconstruction_error",
        "image/latents": "tfgen.evaluate.metrics.latents:dead_latents",
        "text/bits": "tfgen.evaluate.metrics.prediction:bits_per_character",
        "text/perplexity": "tfgen.evaluate.metrics.prediction:perplexity",
        "text/generalisation": "tfgen.evaluate.metrics.generalisation:generalisation_gap",
        "text/membership": "tfgen.evaluate.metrics.membership:document_membership",
        "text/distinct": "tfgen.evaluate.metrics.distinct:distinct",
        "text/overlap": "tfgen.evaluate.metrics.overlap:overlap",
        "text/repetition": "tfgen.evaluate.metrics.repetition:repetition",
        "text/memorisation": "tfgen.evaluate.metrics.memorisation:memorisation",
    },
)

EXTRACTORS = Catalog(
    "extractor",
    {
        "image/classifier": "tfgen.evaluate.extractors.classifier:open_classifier",
        "image/random": "tfgen.evaluate.extractors.random_convolutions:open_random_convolutions",
        "image/inception": "tfgen.evaluate.extractors.inception:open_inception",
    },
)

EXPORTS = Catalog(
    "export format",
    {"saved-model": "tfgen.export.saved_model:export", "tflite": "tfgen.export.tflite:export"},
)

SURFACES = Catalog(
    "modality", {"image": "tfgen.export.image:ImageSurface", "text": "tfgen.export.text:TextSurface"}
)

DATASETS = Catalog(
    "data set",
    {"digits": "tfgen.data.embedded:open_digits", "shakespeare": "tfgen.data.embedded:open_shakespeare"},
)

NETWORKS = Catalog(
    "network",
    {
        "image/convolutional": "tfgen.models.networks.image:ConvolutionalNetworks",
        "image/residual": "tfgen.models.networks.residual:ResidualNetworks",
        "image/dense": "tfgen.models.networks.dense:DenseNetworks",
    },
)
