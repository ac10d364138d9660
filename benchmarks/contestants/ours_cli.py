"""ebm_nb as its command line runs it: the threads are set before TensorFlow starts."""

from ebm_nb.terminal import start_tensorflow

start_tensorflow()

from ours import energies, load, matmul, sample, trainer, versions  # noqa: E402

__all__ = ["energies", "load", "matmul", "sample", "trainer", "versions"]
