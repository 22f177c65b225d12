"""One scanner of NAME/N, so that the server serves what the deployment files name."""

import pytest

from tests.export.test_serving_files import add_version, configuration_in, models_of
from tfgen.errors import UserError
from tfgen.export.job import next_version
from tfgen.export.published import models_in, version_number, versions_in
from tfgen.export.serving import write_serving_files
from tfgen.serve import target


@pytest.fixture
def folder(tmp_path):
    """Two models, one of which has its graph as text, and things that are none."""
    folder = tmp_path / "export"
    for name, version in (("digits", 1), ("digits", 10), ("digits", ".3"), (".hidden", 1), ("new\nline", 1)):
        add_version(folder, name, version)
    (folder / "text" / "2").mkdir(parents=True)
    (folder / "text" / "2" / "saved_model.pbtxt").touch()
    (folder / "tflite" / "1").mkdir(parents=True)
    (folder / "notes.txt").touch()
    return folder


def test_the_server_and_the_deployment_see_the_same_models(folder):
    assert {name: sorted(versions) for name, versions in models_in(folder).items()} == {"digits": [1, 10], "text": [2]}
    assert target.models_in(folder) == {name: folder / name for name in models_in(folder)}
    write_serving_files(folder, "digits")
    assert models_of(configuration_in(folder)).keys() == target.models_in(folder).keys()


def test_hidden_models_are_not_served(tmp_path):
    add_version(tmp_path, ".hidden", 1)
    with pytest.raises(UserError, match="There is no model to serve"):
        target.models_in(tmp_path)


def test_what_was_named_is_served_even_where_it_is_hidden(folder):
    assert target.models_in(folder / ".hidden") == {".hidden": folder / ".hidden"}


def test_a_folder_that_is_gone_has_no_list_of_versions(tmp_path):
    with pytest.raises(OSError):
        versions_in(tmp_path / "gone")


@pytest.mark.parametrize("name, number", [("0", 0), ("007", 7), ("-1", None), ("1.5", None), ("٣", None), ("", None)])
def test_a_version_is_a_number_in_plain_digits(name, number):
    assert version_number(name) == number
    assert version_number("9" * 30) is None


def test_the_next_version_is_one_that_a_server_sees(tmp_path):
    assert next_version(tmp_path) == 1
    for name in ("9", "10", "9" * 30, "٩٩", "notes.txt"):
        (tmp_path / name).mkdir()
    assert next_version(tmp_path) == 11
