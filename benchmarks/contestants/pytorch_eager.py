"""PyTorch, one step after the other as it is written, with a tensor for a buffer."""

import copy
import math
import os

import numpy as np
import torch
import torch.nn.functional as F

torch.set_num_threads(len(os.sched_getaffinity(0)))


class Energy(torch.nn.Module):
    """Our network: 'same' padding of a stride of 2 puts one more row below and right
    than above and left.
    """

    def __init__(self, arrays):
        super().__init__()
        tensors = [
            torch.from_numpy(a.transpose(3, 2, 0, 1).copy() if a.ndim == 4 else a)
            for a in arrays
        ]
        # flattened channels first
        tensors[8] = (
            tensors[8].reshape(2, 2, 64, 64).permute(2, 0, 1, 3).reshape(256, 64)
        )
        self.weights = torch.nn.ParameterList(
            torch.nn.Parameter(t.contiguous()) for t in tensors
        )

    def forward(self, x):
        w = self.weights
        for i, pad in enumerate((1, 0, 0, 0)):
            x = F.silu(
                F.conv2d(
                    F.pad(x, (pad, pad + 1, pad, pad + 1)),
                    w[2 * i],
                    w[2 * i + 1],
                    stride=2,
                )
            )
        x = F.silu(x.flatten(1) @ w[8] + w[9])
        return (x @ w[10] + w[11]).squeeze(-1)


def load(folder):
    global model
    with np.load(folder / "weights.npz") as arrays:
        model = Energy([arrays[name] for name in sorted(arrays.files)])


def versions():
    return {"PyTorch": torch.__version__}


def tensor(x):
    return torch.from_numpy(np.ascontiguousarray(x.transpose(0, 3, 1, 2)))


def energies(x):
    with torch.no_grad():
        return model(tensor(x)).numpy()


def langevin_step(model, x, step_size, noise_scale, grad_clip):
    x = x.detach().requires_grad_(True)
    (grad,) = torch.autograd.grad(model(x).sum(), x)
    with torch.no_grad():
        return (
            x
            - step_size * grad.clamp_(-grad_clip, grad_clip)
            + noise_scale * torch.randn_like(x)
        ).clamp_(-1, 1)


def langevin(model, x, steps, *kernel, step=langevin_step):
    for parameter in model.parameters():
        parameter.requires_grad_(False)
    for _ in range(steps):
        x = step(model, x, *kernel)
    for parameter in model.parameters():
        parameter.requires_grad_(True)
    return x.detach()


def sample(x, steps, noise_scale, step_size, step=langevin_step):
    return (
        langevin(model, tensor(x), steps, step_size, noise_scale, 0.03, step=step)
        .numpy()
        .transpose(0, 2, 3, 1)
    )


def losses(model, x_pos, x_neg, alpha):
    real, fake = model(torch.cat([x_pos, x_neg])).chunk(2)
    return real.mean() - fake.mean() + alpha * (real**2 + fake**2).mean()


def trainer(recipe, images, step=langevin_step, losses=losses):
    network, images, size = copy.deepcopy(model), tensor(images), recipe["batch_size"]
    optimizer = torch.optim.Adam(
        network.parameters(),
        lr=recipe["learning_rate"],
        betas=(recipe["beta_1"], 0.999),
    )
    average = [p.detach().clone() for p in network.parameters()]
    buffer, done = torch.rand(recipe["capacity"], 1, 32, 32) * 2 - 1, 0
    kernel = recipe["step_size"], recipe["noise_scale"], recipe["grad_clip"]

    def train_step():
        nonlocal done
        x_pos = images[torch.randperm(len(images))[:size]]
        x_pos = (x_pos + recipe["data_noise"] * torch.randn_like(x_pos)).clamp_(-1, 1)
        x = buffer[torch.randperm(len(buffer))[:size]]
        fresh = torch.rand(size, 1, 1, 1) < recipe["fresh"]
        x_neg = langevin(
            network,
            torch.where(fresh, torch.rand_like(x) * 2 - 1, x),
            recipe["steps"],
            *kernel,
            step=step,
        )
        buffer[torch.arange(done * size, (done + 1) * size) % len(buffer)] = x_neg
        if recipe["decay_steps"]:
            for group in optimizer.param_groups:
                group["lr"] = (
                    recipe["learning_rate"]
                    * (1 + math.cos(math.pi * done / recipe["decay_steps"]))
                    / 2
                )
        optimizer.zero_grad()
        loss = losses(network, x_pos, x_neg, recipe["alpha"])
        loss.backward()
        if recipe["clipnorm"]:
            torch.nn.utils.clip_grad_norm_(network.parameters(), recipe["clipnorm"])
        optimizer.step()
        if recipe["averaging"]:
            with torch.no_grad():
                torch._foreach_lerp_(
                    average, list(network.parameters()), 1 - recipe["averaging"]
                )
        done += 1
        return loss.item()

    return train_step
