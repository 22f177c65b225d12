"""What tests of tables share: small files, and the folder of real ones."""

import pytest

from tests.modalities.image.conftest import real_data


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
    return real_data


def by_name(rows):
    """The columns of rows by their names."""
    return {column.name: column for column in rows.columns}
