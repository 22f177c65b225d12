"""Sets of TensorFlow Datasets without a network: files laid out as its download cache, and small sets of a test's own.

    python tests/modalities/tfds_cache.py DATA_DIR mnist|fashion_mnist FOLDER

FOLDER holds the four original idx files. Each gets the name that TFDS gives to a download, with the `.INFO` file that
makes TFDS take it. One download folder per data set: their file names are the same, and a shared folder would silently
build one set from the other's files.
"""

import json
import shutil
import sys
from pathlib import Path


def lay_out(data_dir: str | Path, dataset: str, source_folder: str | Path) -> list[Path]:
    """Copies the files that `dataset` would download from `source_folder` into the cache below `data_dir`."""
    import tensorflow_datasets as tfds
    from tensorflow_datasets.core.download.resource import get_dl_fname

    data_dir, source_folder = Path(data_dir).expanduser(), Path(source_folder)
    downloads = data_dir / "downloads" / dataset
    downloads.mkdir(parents=True, exist_ok=True)
    laid_out = []
    for url, info in tfds.builder(dataset, data_dir=str(data_dir)).url_infos.items():
        cached = downloads / get_dl_fname(url, info.checksum)
        shutil.copyfile(source_folder / info.filename, cached)
        Path(f"{cached}.INFO").write_text(json.dumps({"original_fname": info.filename}))
        laid_out.append(cached)
    return laid_out


def define(name, features, rows):
    """Registers a small set with these rows under `name` in snake case."""
    import tensorflow_datasets as tfds

    def information(self):
        return self.dataset_info_from_configs(features=tfds.features.FeaturesDict(features))

    functions = {
        "VERSION": tfds.core.Version("1.0.0"),
        "_info": information,
        "_split_generators": lambda self, manager: {"train": self._generate_examples()},
        "_generate_examples": lambda self: enumerate(rows),
        "__doc__": "A small set.",
        "__module__": __name__,
    }
    return type(name, (tfds.core.GeneratorBasedBuilder,), functions)


if __name__ == "__main__":
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    for file in lay_out(*sys.argv[1:]):
        print(file)
