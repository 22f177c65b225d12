"""What tests of tables share: small files, and the folder of real ones."""

import os
from pathlib import Path

import pytest

from tests.conftest import ROOT


@pytest.fixture
def write(tmp_path):
    """Writes a text, or bytes, as a file of this name."""

    def write_file(name, content, encoding="utf-8"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode(encoding))
        return path

    return write_file


@pytest.fixture
def real():
    """A file or folder of real data; skips the test where it isn't there."""

    def find(name):
        base = Path(os.environ.get("TFGEN_TEST_DATA") or ROOT.parent / "shared" / "data")
        for folder in (base, Path("/work/shared/data")):
            if (folder / name).exists():
                return folder / name
        pytest.skip(f"no {name} in {base}")

    return find


def by_name(rows):
    """The columns of rows by their names."""
    return {column.name: column for column in rows.columns}
