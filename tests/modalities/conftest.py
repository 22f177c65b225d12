"""What the tests of every modality share."""

import pytest


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    """Keeps every test out of the user's cache."""
    folder = tmp_path / "cache"
    monkeypatch.setenv("TFGEN_CACHE", str(folder))
    return folder
