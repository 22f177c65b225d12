"""Studios that several tests look at."""

import pytest

from tests.studio.running import copied, studio


@pytest.fixture(scope="module")
def runs(tmp_path_factory, gan_run, gpt_run):
    """A folder with copies of two small runs, "digits" and "tales"."""
    folder = tmp_path_factory.mktemp("studio")
    copied(gan_run, folder, "digits")
    copied(gpt_run, folder, "tales")
    return folder


@pytest.fixture(scope="module")
def served(runs, shared):
    """A studio on them that is open, as on one's own machine."""
    with studio(runs, TFGEN_CACHE=str(shared / "cache"), TFGEN_WHO="ada") as running:
        yield running
