"""Exports that many tests look at, made once by real commands."""

import json

import pytest

from tests.conformance.cases import models_of
from tests.conftest import run_tfgen
from tfgen.export.formats import NUMBER_FORMATS

EVERY_FORMAT = [word for name in NUMBER_FORMATS for word in ("--quantize", name)]


FIRST, *OTHERS = models_of("arrays")


@pytest.fixture(scope="session", params=[FIRST, *[pytest.param(each, marks=pytest.mark.slow) for each in OTHERS]])
def fitted(request, fit_once):
    """A tiny fitted run of each model of pictures. Don't change it."""
    return fit_once(request.param, 200)


@pytest.fixture(scope="session")
def exported(fitted, tmp_path_factory):
    """(run, folder, what the command said) of an export in every format."""
    folder = tmp_path_factory.mktemp("exports") / fitted.record["model"]
    done = run_tfgen("export", fitted.path, "--saved-model", *EVERY_FORMAT, "-o", folder, "--json", timeout=900)
    assert done.returncode == 0, done.stderr
    return fitted, folder, json.loads(done.stdout)


@pytest.fixture(scope="session")
def text_exported(gpt_run, tmp_path_factory):
    """(run, folder, what the command said) of an export of text in every format that suits it."""
    folder = tmp_path_factory.mktemp("exports")
    formats = [word for name in ("float32", "float16", "int8-weights") for word in ("--quantize", name)]
    done = run_tfgen("export", gpt_run.path, "--serving", *formats, "-o", folder, "--json", timeout=900)
    assert done.returncode == 0, done.stderr
    return gpt_run, folder, json.loads(done.stdout)
