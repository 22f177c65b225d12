"""The other implementations of the metrics; `evaluation.py` starts it with the interpreter that has them.

    python evaluation_others.py THREADS

For each line on standard input, JSON with "work" (a name in WORK), "real", "generated" (paths of .npy), "kind" (of
floats) and "neighbours", it prints JSON with the scores and the seconds that they took. It waits in between.
"""

import contextlib
import json
import sys
import time
import types

import numpy as np
import scipy.linalg
import torch


def _stand_in_for_torchvision() -> None:
    """Empty modules under its names: torch_fidelity imports it for pictures and networks, which features don't need."""

    class Empty(types.ModuleType):
        __path__ = []

        def __getattr__(self, name: str) -> type:
            if name.startswith("__"):
                raise AttributeError(name)
            return type(name, (), {})

    for name in ("torchvision", "torchvision.datasets", "torchvision.transforms", "torchvision.transforms.functional"):
        sys.modules[name] = Empty(name)
        parent, _, child = name.rpartition(".")
        if parent:
            setattr(sys.modules[parent], child, sys.modules[name])


_stand_in_for_torchvision()
from prdc import compute_prdc  # noqa: E402
from torch_fidelity.metric_fid import fid_features_to_statistics, fid_statistics_to_metric  # noqa: E402
from torch_fidelity.metric_kid import kid_features_to_metric  # noqa: E402
from torch_fidelity.metric_prc import prc_features_to_metric  # noqa: E402


def frechet(real: np.ndarray, generated: np.ndarray, neighbours: int) -> dict:
    """torch_fidelity.metric_fid: fid_features_to_statistics of both, fid_statistics_to_metric."""
    one, other = (fid_features_to_statistics(torch.from_numpy(rows)) for rows in (real, generated))
    return {"frechet_distance": fid_statistics_to_metric(one, other, False)["frechet_inception_distance"]}


def frechet_sqrtm(real: np.ndarray, generated: np.ndarray, neighbours: int) -> dict:
    """np.mean and np.cov of both, scipy.linalg.sqrtm of the covariances' product."""
    one, other = (np.cov(rows, rowvar=False) for rows in (real, generated))
    apart = np.square(real.mean(axis=0, dtype=np.float64) - generated.mean(axis=0, dtype=np.float64)).sum()
    root = np.trace(scipy.linalg.sqrtm(one @ other).real)
    return {"frechet_distance": float(apart + np.trace(one) + np.trace(other) - 2 * root)}


def kernel_full(real: np.ndarray, generated: np.ndarray, neighbours: int) -> dict:
    """torch_fidelity.metric_kid.kid_features_to_metric, kid_subsets=1, kid_subset_size=n; mmd_est="unbiased" inside."""
    return _kernel(real, generated, kid_subsets=1, kid_subset_size=len(real))


def kernel_subsets(real: np.ndarray, generated: np.ndarray, neighbours: int) -> dict:
    """torch_fidelity.metric_kid.kid_features_to_metric, its defaults: kid_subsets=100, kid_subset_size=1000."""
    return _kernel(real, generated)


def _kernel(real: np.ndarray, generated: np.ndarray, **options: int) -> dict:
    scores = kid_features_to_metric(torch.from_numpy(real), torch.from_numpy(generated), verbose=False, **options)
    return {"kernel_distance": scores["kernel_inception_distance_mean"]}


def precision_recall(real: np.ndarray, generated: np.ndarray, neighbours: int) -> dict:
    """torch_fidelity.metric_prc.prc_features_to_metric(generated, real), prc_neighborhood=k."""
    scores = prc_features_to_metric(
        torch.from_numpy(generated), torch.from_numpy(real), prc_neighborhood=neighbours, verbose=False
    )
    return {name: scores[name] for name in ("precision", "recall")}


def density_coverage(real: np.ndarray, generated: np.ndarray, neighbours: int) -> dict:
    """prdc.compute_prdc, nearest_k=k."""
    scores = compute_prdc(real, generated, nearest_k=neighbours)
    return {name: float(scores[name]) for name in ("density", "coverage")}


WORK = {
    work.__name__: work
    for work in (frechet, frechet_sqrtm, kernel_full, kernel_subsets, precision_recall, density_coverage)
}


def main() -> None:
    torch.set_num_threads(int(sys.argv[1]))
    print(json.dumps({name: work.__doc__ for name, work in WORK.items()}), flush=True)
    for line in sys.stdin:
        asked = json.loads(line)
        real, generated = (np.load(asked[name]).astype(asked["kind"]) for name in ("real", "generated"))
        began = time.perf_counter(), time.process_time()
        with contextlib.redirect_stdout(sys.stderr):  # prdc prints what it was given
            scores = WORK[asked["work"]](real, generated, asked["neighbours"])
        seconds, processor = time.perf_counter() - began[0], time.process_time() - began[1]
        del real, generated
        print(json.dumps({"scores": scores, "seconds": seconds, "processor": processor}), flush=True)


if __name__ == "__main__":
    main()
