"""Data-parallel training of one network in several processes, one GPU each, with the result of a single process.

Each process takes its share of every batch. DistributedDataParallel averages their gradients; operations over a whole
batch (BatchNorm, dropout, the mean of a loss) span all processes, so that learning curves equal those of one process
except for the order in which numbers are added. In a single process nothing here has any effect. Processes are
started by `ethomake.training.launch`.
"""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from functools import partial
from typing import Any

import torch
import torch.distributed as dist
from torch import nn
from torch.nn import functional as F
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.parallel import DistributedDataParallel

STUCK = timedelta(minutes=30)  # without an answer from the others, after which a process ends, and with it all
PATIENT = timedelta(days=30)  # for work of one process while the others wait, which may take long


class _State:
    patient: Any = None  # a group of the same processes with the longer timeout
    samples = 0  # of all processes in the current step


def join(on_gpu: bool, local_rank: int) -> None:
    """Join the other processes of a training, as given by torchrun's environment variables."""
    if on_gpu:
        torch.cuda.set_device(local_rank)
    dist.init_process_group("cpu:gloo,cuda:nccl" if on_gpu else "gloo", timeout=STUCK)
    _State.patient = dist.new_group(backend="gloo", timeout=PATIENT)


def leave() -> None:
    """Leave the process group."""
    dist.destroy_process_group()


def size() -> int:
    """Return the number of processes that train together."""
    return dist.get_world_size() if dist.is_initialized() else 1


def rank() -> int:
    """Return the number of this process, counted from 0."""
    return dist.get_rank() if dist.is_initialized() else 0


def is_first() -> bool:
    """Return whether this is the process that writes files."""
    return rank() == 0


def own(samples: int) -> slice:
    """Return this process's share of a batch of `samples`; shares differ by at most one sample in size."""
    return slice(samples * rank() // size(), samples * (rank() + 1) // size())


@contextmanager
def first_alone() -> Iterator[None]:
    """Run the block in the first process while the others wait; then in these, which find the files it has made."""
    if not is_first():
        wait()
    yield
    if is_first():
        wait()


def wait() -> None:
    """Wait until all processes have arrived here."""
    if size() > 1:
        dist.barrier(_State.patient)


def begin_step(seed: int, samples: int) -> None:
    """Begin a step on `samples` samples over all processes; `seed` is for the random numbers drawn in it."""
    torch.manual_seed(seed)
    _State.samples = samples


def mean(value: torch.Tensor) -> torch.Tensor:
    """Return the mean over the processes of a scalar on the device."""
    if size() > 1:
        value = value.clone()
        dist.all_reduce(value)
        value /= size()
    return value


def gather(outputs: list[torch.Tensor]) -> list[torch.Tensor]:
    """Return the outputs of all processes for parts distributed round-robin, on the CPU, in the order of the parts."""
    every: list[Any] = [None] * size()
    dist.all_gather_object(every, [output.cpu() for output in outputs], _State.patient)
    return [every[part % size()][part // size()] for part in range(sum(map(len, every)))]


def broadcast(value: Any) -> Any:
    """Broadcast rank 0's value, so that all ranks take the same decision despite rounding differences."""
    told = [value]
    if size() > 1:
        dist.broadcast_object_list(told, 0, _State.patient)
    return told[0]


def replicate(model: nn.Module) -> nn.Module:
    """Return the module that steps call instead of `model`, which is changed in place but keeps names and parameters.

    `find_unused_parameters` is on because torch then does not rebuild its gradient buckets: after a resume they are
    added in the same order as before.
    """
    if size() == 1:
        return model
    on_gpu = next(model.parameters()).is_cuda
    for module in model.modules():
        if isinstance(module, nn.Dropout):
            module.forward = partial(_drop, module)
        elif isinstance(module, _BatchNorm) and not on_gpu:  # torch's SyncBatchNorm, which is fast, needs GPUs
            module.forward = partial(_normalize, module)
    if on_gpu:
        model = nn.SyncBatchNorm.convert_sync_batchnorm(model)
    # the replacement of `broadcast_buffers` exists only since torch 2.15
    warnings.filterwarnings("ignore", "`broadcast_buffers` is deprecated", FutureWarning)
    return DistributedDataParallel(model, broadcast_buffers=False, find_unused_parameters=True)


def _drop(module: nn.Dropout, input: torch.Tensor) -> torch.Tensor:
    """Apply dropout to this process's share of a batch, drawn for the whole batch as in a single process."""
    if not module.training:
        return input
    kept = F.dropout(input.new_ones((_State.samples, *input.shape[1:])), module.p)
    return input * kept[own(_State.samples)]


def _normalize(module: _BatchNorm, input: torch.Tensor) -> torch.Tensor:
    """Apply BatchNorm with mean and variance over the samples of all processes."""
    x = input
    if not module.training:
        return _BatchNorm.forward(module, x)
    if (
        module.num_batches_tracked is None
        or module.running_mean is None
        or module.running_var is None
        or module.momentum is None
    ):
        raise ValueError("a BatchNorm without running statistics cannot be trained by several processes")
    values, axes = x.to(module.weight.dtype), [axis for axis in range(x.ndim) if axis != 1]
    shape = [-1 if axis == 1 else 1 for axis in range(x.ndim)]
    count = _Sum.apply(values.new_tensor(float(x.numel() // x.shape[1])))
    center = _Sum.apply(values.sum(axes)) / count
    centered = values - center.view(shape)
    variance = _Sum.apply((centered**2).sum(axes)) / count
    with torch.no_grad():
        module.num_batches_tracked += 1
        module.running_mean.lerp_(center, module.momentum)
        module.running_var.lerp_(variance * count / (count - 1), module.momentum)
    scale = module.weight * torch.rsqrt(variance + module.eps)
    return (centered * scale.view(shape) + module.bias.view(shape)).to(x.dtype)


class _Sum(torch.autograd.Function):
    """The sum over all processes; its gradient is the sum of theirs."""

    @staticmethod
    def forward(ctx: Any, x: torch.Tensor) -> torch.Tensor:
        x = x.clone()
        dist.all_reduce(x)
        return x

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> torch.Tensor:
        return _Sum.forward(ctx, *gradients)
