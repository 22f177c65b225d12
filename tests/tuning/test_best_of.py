"""The best of several by what people said, at once and without a new version."""

import numpy as np
import pytest

from tests.tuning.conftest import brightness
from tfgen.errors import UserError


@pytest.mark.slow
def test_what_is_kept_is_what_people_would_like(gan_run, judged, command, isolated):
    run = judged(gan_run, answers=120)
    usual, best = run.generate("three", n=32, seed=50), run.generate("three", n=32, seed=50, best_of=8)
    assert len(best) == 32 and len(set(best.seeds)) == 32 and set(best.seeds) <= set(range(50, 50 + 256))
    assert brightness(best.values).mean() > brightness(usual.values).mean() + 0.5 * brightness(usual.values).std()
    again = run.generate("three", n=1, seed=best.seeds[0])
    np.testing.assert_array_equal(again.values[0], best.values[0])
    assert best.records()[0].id == again.records()[0].id
    made = command("generate", run.path, "three", "-n", "4", "--best-of", "4", "-o", "best/")
    assert made.exit_code == 0 and len(list((isolated / "best").iterdir())) == 4, made.output


@pytest.mark.parametrize("count, what", [(1, "best of 1"), (1000, "best of 1000"), (4, "too few for a reward")])
def test_what_can_not_be_kept(gan_run, judged, count, what):
    with pytest.raises(UserError, match=what):
        judged(gan_run, answers=3).generate("three", n=4, best_of=count)
