"""Text of a TFDS set: the feature called so, else the only one of strings."""

from collections.abc import Mapping
from typing import Any

from tfgen.data.request import DataRequest
from tfgen.data.tfds import Part
from tfgen.modalities.text.documents import Strings
from tfgen.modalities.text.prepare import examples_of_source
from tfgen.representations.sequences.examples import SequenceExamples


def choose_features(features: Mapping[str, Any]) -> dict[str, str] | None:
    """The name of the text's feature; None where it can't be told."""
    texts = [name for name, feature in features.items() if _is_text(feature)]
    if "text" not in texts and len(texts) != 1:
        return None
    return {"text": "text" if "text" in texts else texts[0]}


def open_part(request: DataRequest, part: Part) -> SequenceExamples:
    """Each example is a document."""
    place = ["tfds", str(part.builder.data_dir), part.split, part.features["text"]]
    texts = Strings(part.name, place, part.modified, lambda: (example["text"] for example in part.examples()))
    return examples_of_source(request, texts)


def _is_text(feature: Any) -> bool:
    import tensorflow_datasets as tfds

    plain = type(feature) in (tfds.features.Text, tfds.features.Tensor, tfds.features.Scalar)
    return plain and feature.shape == () and str(getattr(feature, "np_dtype", feature.dtype)) in ("object", "string")
