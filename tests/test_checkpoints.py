"""A checkpoint is whole or it is not used."""

import errno
import os
import resource
import signal

import numpy as np
import pytest

from tfgen import checkpoints
from tfgen.errors import Failure, UserError

ARRAYS = {
    "step": np.array(7),
    "part/000": np.random.default_rng(0).standard_normal((50, 40)).astype(np.float32),
    "part/001": np.zeros((0, 3), np.float32),
}


@pytest.fixture
def folder(tmp_path):
    """A folder with two checkpoints, of steps 1 and 2; their first array says which."""
    folder = tmp_path / "checkpoints"
    folder.mkdir()
    for step in (1, 2):
        checkpoints.save(folder, {**ARRAYS, "step": np.array(step)}, step)
    return folder


def newest(folder):
    return sorted(folder.glob("*.npz"))[-1]


def test_what_was_saved_is_loaded_bit_for_bit(folder):
    stored = checkpoints.load_newest(folder)
    assert stored.step == 2 and stored.damaged == []
    assert stored.arrays.keys() == ARRAYS.keys()
    assert stored.arrays["part/000"].tobytes() == ARRAYS["part/000"].tobytes()
    assert stored.arrays["part/001"].shape == (0, 3)


@pytest.mark.parametrize("seed", range(60))
def test_a_flipped_bit_anywhere_is_detected(folder, seed):
    path = newest(folder)
    content = bytearray(path.read_bytes())
    place = np.random.default_rng(seed).integers(len(content))
    content[place] ^= 1 << seed % 8
    path.write_bytes(content)
    stored = checkpoints.load_newest(folder)
    assert stored.step == stored.arrays["step"] == 1
    assert stored.damaged == [path.name]


@pytest.mark.parametrize("share", [0.0, 0.001, 0.3, 0.7, 0.999])
def test_a_truncated_file_is_detected(folder, share):
    path = newest(folder)
    path.write_bytes(path.read_bytes()[: int(share * path.stat().st_size)])
    assert checkpoints.load_newest(folder).step == 1


def test_a_longer_file_is_detected(folder):
    with open(newest(folder), "ab") as file:
        file.write(b"\0")
    assert checkpoints.load_newest(folder).step == 1


def test_files_of_other_names_are_no_checkpoints(folder):
    for name in ("latest.npz", "000009-step-00000009.npz", f"000009-step-00000009-{'0' * 31}.npz", ".a.tmp"):
        (folder / name).write_bytes(newest(folder).read_bytes())
    assert checkpoints.load_newest(folder).step == 2


def test_a_folder_in_place_of_a_file_is_survived(folder):
    (folder / f"000009-step-00000009-{'0' * 32}.npz").mkdir()
    assert checkpoints.load_newest(folder).step == 2


def test_all_damaged_is_said(folder):
    for path in folder.glob("*.npz"):
        path.write_bytes(b"")
    with pytest.raises(UserError, match="Every checkpoint in .* is damaged"):
        checkpoints.load_newest(folder)


def test_none_at_all_is_said(tmp_path):
    with pytest.raises(UserError, match="There is no checkpoint"):
        checkpoints.load_newest(tmp_path)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_what_is_not_a_number_is_never_saved(folder, value):
    before = sorted(folder.iterdir())
    spoiled = ARRAYS["part/000"].copy()
    spoiled[3, 4] = value
    with pytest.raises(checkpoints.NotFinite, match="part/000"):
        checkpoints.save(folder, {**ARRAYS, "part/000": spoiled}, 3)
    assert sorted(folder.iterdir()) == before


def test_the_newest_three_are_kept(folder):
    for step in range(3, 20):
        checkpoints.save(folder, ARRAYS, step)
    assert [path.name[:20] for path in sorted(folder.iterdir())] == [
        f"{step:06d}-step-{step:08d}" for step in (17, 18, 19)
    ]


def test_the_order_is_that_of_saving_not_of_steps(folder):
    checkpoints.save(folder, {**ARRAYS, "step": np.array(1)}, 1)
    assert checkpoints.load_newest(folder).step == 1


def test_the_name_says_its_hash(folder):
    import hashlib

    path = newest(folder)
    assert path.stem.endswith(hashlib.sha256(path.read_bytes()).hexdigest()[:32])


def assert_previous_is_whole(folder, before):
    assert sorted(folder.iterdir()) == before
    assert checkpoints.load_newest(folder).step == 2
    assert checkpoints.load_newest(folder).damaged == []


def test_a_full_disk_is_said_and_leaves_the_checkpoint_before(folder, monkeypatch):
    before = sorted(folder.iterdir())

    def full(descriptor):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(Failure, match="could not be written: No space left on device.") as caught:
            checkpoints.save(folder, ARRAYS, 3)
    assert caught.value.exit_code == 1 and "--resume" in caught.value.what_to_do
    assert_previous_is_whole(folder, before)


def test_a_write_that_stops_half_way_leaves_the_checkpoint_before(folder):
    before = sorted(folder.iterdir())
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (4096, limits[1]))
        with pytest.raises(Failure, match="could not be written"):
            checkpoints.save(folder, ARRAYS, 3)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, handler)
    assert_previous_is_whole(folder, before)


class Variable:
    """As much of a keras.Variable as a checkpoint needs."""

    def __init__(self, value):
        self.value = np.asarray(value, np.float32)
        self.shape = self.value.shape

    def numpy(self):
        return self.value

    def assign(self, value):
        self.value = value


def test_restore_sets_everything():
    variables = {"a": Variable([1, 2]), "b": Variable(3)}
    arrays = checkpoints.capture(variables)
    other = {"a": Variable([0, 0]), "b": Variable(0)}
    checkpoints.restore(other, arrays)
    assert checkpoints.capture(other)["a"].tolist() == [1, 2] and float(other["b"].value) == 3


@pytest.mark.parametrize("arrays", [{"a": np.zeros(3)}, {"b": np.zeros(2)}, {"a": np.zeros(2), "b": np.zeros(2)}, {}])
def test_weights_of_another_model_are_refused_before_anything_is_set(arrays):
    variable = Variable([1, 2])
    with pytest.raises(UserError, match="don't fit this version's model"):
        checkpoints.restore({"a": variable}, arrays)
    assert variable.value.tolist() == [1, 2]
