"""The modality "image": floats and back, PNGs with metadata, grids."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from tfgen.catalog import MODALITIES
from tfgen.errors import UserError
from tfgen.modalities.image.codec import ImageCodec
from tfgen.modalities.image.modality import ImageModality
from tfgen.modalities.image.preview import PADDING, grid as grid_of


def test_the_catalog_loads_it():
    assert MODALITIES.load("image") is ImageModality and ImageModality.name == "image"


def test_every_byte_survives_encode_and_decode():
    values = np.arange(256, dtype=np.uint8).reshape(1, 16, 16, 1)
    codec = ImageCodec.of_shape((16, 16, 1), 1)
    encoded = codec.encode(values)
    assert encoded.dtype == np.float32 and encoded.min() == -1 and encoded.max() == 1
    assert np.array_equal(codec.decode(encoded), values)


def test_decode_clips_and_rounds():
    values = np.float32([-3.0, 3.0, -1 + 0.6 / 127.5, -1 + 0.4 / 127.5])
    assert ImageCodec.of_shape((8, 8, 1), 1).decode(values).tolist() == [0, 255, 1, 0]


texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=40)


@settings(max_examples=30, deadline=None)
@given(st.data())
def test_a_saved_sample_comes_back(tmp_path_factory, data):
    channels = data.draw(st.sampled_from([1, 3]))
    height, width = data.draw(st.integers(1, 40)), data.draw(st.integers(1, 40))
    value = np.random.default_rng(height * 41 + width).integers(0, 256, (height, width, channels), np.uint8)
    metadata = {"prompt": data.draw(texts), "seed": "7"}
    path = tmp_path_factory.mktemp("samples") / "a.png"
    ImageModality.save(path, value, metadata)
    assert np.array_equal(np.asarray(Image.open(path)).reshape(value.shape), value)
    assert ImageModality.read_metadata(path) == metadata
    assert [file.name for file in path.parent.iterdir()] == ["a.png"]


def test_metadata_of_no_picture(tmp_path):
    (tmp_path / "a.png").write_text("nothing")
    with pytest.raises(UserError, match="can't be read"):
        ImageModality.read_metadata(tmp_path / "a.png")


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 20), st.integers(4, 70), st.integers(4, 70), st.sampled_from([1, 3]), st.integers(0, 8))
def test_a_grid_holds_every_picture_enlarged_by_a_whole_number(count, height, width, channels, columns):
    values = np.random.default_rng(count).integers(0, 255, (count, height, width, channels), np.uint8)
    grid = grid_of(values, columns or None)
    used = min(count, columns or int(np.ceil(np.sqrt(count))))
    factor = ((grid.shape[1] - PADDING) // used - PADDING) // width
    assert max(height, width) * factor >= 64
    for place, value in enumerate(values):
        top = PADDING + place // used * (height * factor + PADDING)
        left = PADDING + place % used * (width * factor + PADDING)
        cell = grid[top:top + height * factor, left:left + width * factor]
        assert np.array_equal(cell[::factor, ::factor], value)
    assert (grid[:PADDING] == 255).all() and (grid[:, -PADDING:] == 255).all()
