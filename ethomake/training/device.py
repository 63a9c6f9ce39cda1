"""Choose the device and the precision of a job, and describe them in its log."""

import math
import os
from typing import TypeVar

import torch
import torch.distributed as dist
from torch import nn

from ethomake.errors import InputError
from ethomake.messages import remember
from ethomake.training.gpus import claim_gpus, count_gpus

Model = TypeVar("Model", bound=nn.Module)

PRECISIONS = {"float32": torch.float32, "bfloat16": torch.bfloat16}


def choose_device() -> torch.device:
    """Return the GPU if there is one, else the CPU; the environment variable ETHOMAKE_DEVICE overrides the choice.

    Of several GPUs, one that no other job uses is taken; processes that train together have theirs already.

    Raises:
        InputError: if ETHOMAKE_DEVICE names a device that this machine does not have.
    """
    name = os.environ.get("ETHOMAKE_DEVICE", "auto")
    if count_gpus() > 1 and not dist.is_initialized():
        torch.cuda.set_device(claim_gpus(1)[0])
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    if name.startswith("cuda") and not torch.cuda.is_available():
        raise InputError(f"ETHOMAKE_DEVICE={name}: this machine has no CUDA device; unset it or write cpu")
    try:
        device = torch.device(name)
    except RuntimeError:
        raise InputError(f"ETHOMAKE_DEVICE={name}: not a device; write auto, cpu or cuda") from None
    return _with_number(device) if device.type == "cuda" else device


def _with_number(device: torch.device) -> torch.device:
    """Return a GPU with an explicit index, as the current GPU is a setting per thread; make it the current one here.

    Also disable TF32, so that float32 convolutions are not rounded to ten bits.
    """
    if device.index is None:
        device = torch.device("cuda", torch.cuda.current_device())
    if device.index >= torch.cuda.device_count():
        there = f"this machine has cuda:0 to cuda:{torch.cuda.device_count() - 1}"
        raise InputError(f"ETHOMAKE_DEVICE={device}: {there}; name one of them or write auto")
    torch.cuda.set_device(device)
    torch.backends.cudnn.allow_tf32 = False
    return device


def sent(tensor: torch.Tensor, device: torch.device) -> torch.Tensor:
    """Copy a tensor to a device, without waiting for the work that is queued on a GPU."""
    return tensor.pin_memory().to(device, non_blocking=True) if device.type == "cuda" else tensor.to(device)


def choose_precision(
    name: str, device: torch.device, trained: nn.Module | None = None, width: float = math.inf
) -> torch.dtype:
    """Return the data type of convolutions; `auto` is bfloat16 where the device supports it in hardware.

    Exceptions are two cases on the CPU where backward passes in bfloat16 gave different numbers each time, including
    NaN (torch 2.15; forward passes did not): 3D networks, and strided convolutions of inputs one pixel wide, which
    the deepest layers get from images less than 64 pixels wide.

    Args:
        name: "auto", "float32" or "bfloat16".
        device: the device that computes.
        trained: the network, if it is to be trained.
        width: width of the images it is trained on, in pixels.
    """
    if name != "auto":
        return PRECISIONS[name]
    if device.type == "cuda":
        native = torch.cuda.is_bf16_supported(including_emulation=False)
    else:
        native = torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()
        native = native and not (trained is not None and (is_volumetric(trained) or width < 64))
    return torch.bfloat16 if native else torch.float32


def is_volumetric(model: nn.Module) -> bool:
    """Return whether a network has 3D convolutions."""
    return any(isinstance(module, nn.Conv3d) for module in model.modules())


def autocast(device: torch.device, precision: torch.dtype) -> torch.autocast:
    """Return the context in which forward passes run; it does nothing in float32."""
    return torch.autocast(device.type, precision, enabled=precision != torch.float32)


def place(model: Model, device: torch.device) -> Model:
    """Move a 2D or a 3D network to a device, with its weights in the channels-last layout, which is faster."""
    layout = torch.channels_last_3d if is_volumetric(model) else torch.channels_last
    return model.to(device).to(memory_format=layout)


def describe(device: torch.device, precision: torch.dtype) -> str:
    """Return device and precision as text for the first log line of a job, and add them to its record."""
    if device.type == "cuda":
        name = torch.cuda.get_device_name(device)
    else:
        threads = torch.get_num_threads()
        name = f"CPU with {threads} thread{'s' if threads > 1 else ''}"
    words = f"{name}, {str(precision).removeprefix('torch.')}"
    remember("device", words)
    return words
