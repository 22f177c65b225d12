"""What a classifier doesn't hear: that a sound hisses where it should hum, that it is silent, or clipped.

All are measured in what comes out of the vocoder, of samples and of real examples alike.
"""

import numpy as np

from tfgen.evaluate.metrics import REAL, metric


@metric(harmonicity=REAL)
def harmonicity(generated_harmonicity: np.ndarray) -> dict[str, float]:
    """How much of the sounds is tone rather than hiss, the mean over samples [n]."""
    return {"harmonicity": float(np.mean(generated_harmonicity))}


@metric(silence=REAL)
def silence(generated_silence: np.ndarray) -> dict[str, float]:
    """The share of a sound that is silent before it ends, the mean over samples [n]."""
    return {"silence": float(np.mean(generated_silence))}


@metric(clipping=REAL)
def clipping(generated_clipping: np.ndarray) -> dict[str, float]:
    """The share of a sound that is at the limit of what a file holds, the mean over samples [n]."""
    return {"clipping": float(np.mean(generated_clipping))}
