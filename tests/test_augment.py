"""Differentiable augmentation: the same seed the same change, shapes kept, gradients through."""

import numpy as np
import pytest
import tensorflow as tf

from tfgen.errors import UserError
from tfgen.models.augment import AUGMENTATIONS, augment, parse_kinds, random_roll

STEP = tf.constant(3, tf.int64)
SHAPES = [(4, 28, 28, 1), (3, 9, 17, 1), (2, 16, 16, 3)]


def pictures_of(shape):
    return tf.random.stateless_uniform(shape, [1, 2], -1.0, 1.0)


@pytest.mark.parametrize("kind", AUGMENTATIONS)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_keeps_the_shape_and_changes_something(kind, shape):
    pictures = pictures_of(shape)
    changed = augment(pictures, (kind,), (5, STEP))
    assert changed.shape == pictures.shape
    assert np.isfinite(changed).all() and not np.array_equal(changed, pictures)


@pytest.mark.parametrize("kind", AUGMENTATIONS)
def test_seed_and_step_decide(kind):
    pictures = pictures_of((8, 12, 12, 1))
    first = augment(pictures, (kind,), (5, STEP))
    np.testing.assert_array_equal(first, augment(pictures, (kind,), (5, STEP)))
    assert not np.array_equal(first, augment(pictures, (kind,), (6, STEP)))
    assert not np.array_equal(first, augment(pictures, (kind,), (5, STEP + 1)))


def test_gradients_flow_through_all_kinds():
    pictures = pictures_of((4, 12, 12, 3))
    with tf.GradientTape() as tape:
        tape.watch(pictures)
        changed = augment(pictures, tuple(AUGMENTATIONS), (5, STEP))
    gradient = tape.gradient(changed, pictures).numpy()
    assert np.isfinite(gradient).all()
    assert (np.abs(gradient).reshape(4, -1).sum(axis=1) > 0).all()


def test_probability_says_how_many_are_changed():
    pictures = pictures_of((200, 12, 12, 1))
    np.testing.assert_array_equal(augment(pictures, ("color",), (5, STEP), 0.0), pictures)
    changed = augment(pictures, ("color",), (5, STEP), 0.3).numpy()
    assert 0.2 < np.mean(np.any(changed != pictures.numpy(), axis=(1, 2, 3))) < 0.4


def test_no_kinds_change_nothing():
    pictures = pictures_of((2, 8, 8, 1))
    np.testing.assert_array_equal(augment(pictures, (), (5, STEP)), pictures)


def test_translation_moves_by_at_most_an_eighth_and_invents_nothing():
    columns = tf.tile(tf.range(16.0)[None, None, :, None], [64, 16, 1, 1])
    moved = augment(columns, ("translation",), (5, STEP)).numpy()[:, 0, :, 0]
    shifts = moved[:, 8] - 8
    assert set(shifts) == {-2, -1, 0, 1, 2}
    assert set(np.unique(moved)) <= set(range(16))


def test_cutout_leaves_most_of_the_picture_alone():
    cut = augment(tf.ones([64, 20, 12, 1]), ("cutout",), (5, STEP)).numpy()
    removed = (cut == 0).mean(axis=(1, 2, 3))
    assert set(np.unique(cut)) == {0.0, 1.0}
    assert 0 < removed.min() and removed.max() <= 0.25 + 1e-6


def test_color_shifts_whole_pictures():
    shifted = augment(tf.zeros([32, 8, 8, 1]), ("color",), (5, STEP)).numpy()
    assert shifted.std(axis=(1, 2, 3)).max() < 1e-5
    assert np.ptp(shifted.mean(axis=(1, 2, 3))) > 0.5


@pytest.mark.parametrize("first", [0, 2**31 - 1])
def test_every_seed_that_a_model_can_derive_works(first):
    assert augment(pictures_of((2, 8, 8, 3)), tuple(AUGMENTATIONS), (first, STEP)).shape == (2, 8, 8, 3)


def test_names_are_parsed_and_checked():
    assert parse_kinds("color, cutout") == ("color", "cutout")
    assert parse_kinds("none") == parse_kinds("") == ()
    with pytest.raises(UserError, match="Did you mean 'cutout'"):
        parse_kinds("color,cutuot")


def test_a_random_roll_loses_nothing():
    pictures = tf.reshape(tf.range(8 * 5 * 7, dtype=tf.float32), [8, 5, 7, 1])
    moved = random_roll(pictures, tf.constant([3, 4])).numpy()
    shifts = set()
    for picture, other in zip(pictures.numpy(), moved, strict=True):
        (place,) = np.flatnonzero(other == picture[0, 0, 0])
        shifts.add(place)
        np.testing.assert_array_equal(other, np.roll(picture, np.unravel_index(place, (5, 7)), (0, 1)))
    assert len(shifts) > 3
