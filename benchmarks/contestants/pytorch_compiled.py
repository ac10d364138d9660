"""PyTorch with `torch.compile`: the whole Langevin step, its gradient included, is one
compiled function; so is the loss.
"""

from functools import partial

import pytorch_eager
import torch
from pytorch_eager import energies, load, versions

__all__ = ["energies", "load", "sample", "trainer", "versions"]


@torch.compile
def langevin_step(model, x, step_size, noise_scale, grad_clip):
    grad = torch.func.grad(lambda x: model(x).sum())(x)
    return (
        x
        - step_size * grad.clamp(-grad_clip, grad_clip)
        + noise_scale * torch.randn_like(x)
    ).clamp(-1, 1)


@torch.compile
def settling_step(model, x, velocity, root, chain):
    grad, clip = torch.func.grad(lambda x: model(x).sum())(x), chain["grad_clip"]
    down = root**2 * chain["step_size"] * grad.clamp(-clip, clip)
    velocity = chain["momentum"] * velocity - down
    noise = root * chain["noise_scale"] * torch.randn_like(x)
    return (x + velocity + noise).clamp(-1, 1), velocity


HOW = langevin_step, settling_step
sample = partial(pytorch_eager.sample, how=HOW)
trainer = partial(
    pytorch_eager.trainer,
    how=HOW,
    losses=torch.compile(pytorch_eager.losses),
)
