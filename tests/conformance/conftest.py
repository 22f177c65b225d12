"""Data that several batteries share."""

import numpy as np
import pytest

from tests.conftest import locked


@pytest.fixture(scope="session")
def narrow_table(shared):
    """Two columns: what fits and exports of tables trace grows with their columns, and an export of seven took two
    minutes for each model."""
    path, chance = shared / "narrow.csv", np.random.default_rng(0)
    rows = zip(chance.integers(18, 65, 500), chance.choice(["yes", "no"], 500))
    with locked(shared / "narrow.lock"):
        if not path.exists():
            path.write_text("age,smoker\n" + "".join(f"{age},{smokes}\n" for age, smokes in rows), encoding="utf-8")
    return path
