"""ebm_nb as its command line runs it: the threads are set before TensorFlow starts."""

from ebm_nb.cli import _tensorflow

_tensorflow()

from ours import energies, load, matmul, sample, trainer, versions  # noqa: E402

__all__ = ["energies", "load", "matmul", "sample", "trainer", "versions"]
