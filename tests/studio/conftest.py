"""Studios that several tests look at."""

import pytest

from tests.studio.running import copied, studio


@pytest.fixture(scope="module")
def runs(tmp_path_factory, fit_once):
    """A folder with copies of two small runs, "digits" and "tales"."""
    folder = tmp_path_factory.mktemp("studio")
    copied(fit_once("gan", 80), folder, "digits")
    copied(fit_once("gpt", 60, modality="text"), folder, "tales")
    return folder


@pytest.fixture(scope="module")
def served(runs, shared):
    """A studio on them that is open, as on one's own machine."""
    with studio(runs, TFGEN_CACHE=str(shared / "cache"), TFGEN_WHO="ada") as running:
        yield running
