"""Pickles are named as what they are, and never opened."""

import pickle

import numpy as np
import pytest

from tests.modalities.image.conftest import noise, save
from tfgen.data import open_data
from tfgen.errors import UserError


class Trap:
    """Ends the tests if anybody opens it."""

    def __reduce__(self):
        return exit, ("a pickle was opened",)


@pytest.mark.parametrize(
    "names, what_to_do",
    [
        (["data_batch_1", "data_batch_2", "test_batch", "batches.meta"], "tfds:cifar10,"),
        (["train", "test", "meta"], "tfds:cifar100,"),
        (["mine.pkl"], "Save the arrays"),
    ],
)
@pytest.mark.parametrize("protocol", [2, 4])
def test_folders_and_files_of_pickles(tmp_path, names, what_to_do, protocol):
    folder = tmp_path / "set"
    folder.mkdir()
    for name in names:
        (folder / name).write_bytes(pickle.dumps({b"data": np.zeros((2, 3072), np.uint8), b"x": Trap()}, protocol))
    (folder / "readme.html").write_text("<p>Read me.</p>" * 100)
    with pytest.raises(UserError, match=what_to_do):
        open_data(str(folder if len(names) > 1 else folder / names[0]))
    with pytest.raises(UserError, match="is a pickle of Python.*may run any code"):
        open_data(str(folder / names[0]))


def test_a_pickle_among_pictures_keeps_nobody_from_reading_those(tmp_path):
    for number in range(4):
        save(tmp_path / "set" / f"{number}.png", noise(number))
    (tmp_path / "set" / "index.pkl").write_bytes(pickle.dumps([1, 2]))
    assert len(open_data(str(tmp_path / "set"))) == 4
