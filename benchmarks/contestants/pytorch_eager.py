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


def settling_step(model, x, velocity, root, chain):
    "With momentum; `root` (B, 1, 1, 1) is how far each chain has settled."
    x, clip = x.detach().requires_grad_(True), chain["grad_clip"]
    (grad,) = torch.autograd.grad(model(x).sum(), x)
    with torch.no_grad():
        down = root**2 * chain["step_size"] * grad.clamp_(-clip, clip)
        velocity = chain["momentum"] * velocity - down
        noise = root * chain["noise_scale"] * torch.randn_like(x)
        return (x + velocity + noise).clamp_(-1, 1), velocity


STEPS = langevin_step, settling_step


def walk(model, x, steps, chain, done, how=STEPS):
    plain, settling = how
    for parameter in model.parameters():
        parameter.requires_grad_(False)
    velocity = torch.zeros_like(x)
    for i in range(steps):
        if chain["settle"]:
            root = (chain["settle"] / (done + i + 1)).clamp(max=1).reshape(-1, 1, 1, 1)
            x, velocity = settling(model, x, velocity, root, chain)
        else:
            numbers = chain["step_size"], chain["noise_scale"], chain["grad_clip"]
            x = plain(model, x, *numbers)
    for parameter in model.parameters():
        parameter.requires_grad_(True)
    return x.detach()


def sample(x, steps, chain, how=STEPS):
    done = torch.zeros(len(x))
    return walk(model, tensor(x), steps, chain, done, how).numpy().transpose(0, 2, 3, 1)


def losses(model, x_pos, x_neg, alpha):
    real, fake = model(torch.cat([x_pos, x_neg])).chunk(2)
    return real.mean() - fake.mean() + alpha * (real**2 + fake**2).mean()


def trainer(recipe, images, how=STEPS, losses=losses):
    network, images, size = copy.deepcopy(model), tensor(images), recipe["batch_size"]
    optimizer = torch.optim.Adam(
        network.parameters(),
        lr=recipe["learning_rate"],
        betas=(recipe["beta_1"], 0.999),
    )
    average = [p.detach().clone() for p in network.parameters()]
    buffer, done = torch.rand(recipe["capacity"], 1, 32, 32) * 2 - 1, 0
    steps, life = torch.zeros(len(buffer)), recipe["life"] or math.inf

    def train_step():
        nonlocal done
        x_pos = images[torch.randperm(len(images))[:size]]
        x_pos = (x_pos + recipe["data_noise"] * torch.randn_like(x_pos)).clamp_(-1, 1)
        slots = torch.randperm(len(buffer))[:size]
        x, walked = buffer[slots], steps[slots]
        fresh = (torch.rand(size) < recipe["fresh"]) | (walked >= life)
        x[fresh], walked[fresh] = torch.rand_like(x[fresh]) * 2 - 1, 0.0
        count, chain = recipe["chain_steps"], recipe["chain"]
        x_neg = walk(network, x, count, chain, walked, how)
        if not recipe["in_place"]:
            slots = torch.arange(done * size, (done + 1) * size) % len(buffer)
        buffer[slots], steps[slots] = x_neg, walked + count
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
