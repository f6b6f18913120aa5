"""Which device is fast, and at which arithmetic."""

from pathlib import Path

import torch

from dyml.training.config import Config

FAST_BF16_FLAGS = {"avx512_bf16", "amx_bf16"}


def decide_precision(config: Config) -> Config:
    """Return the configuration with `train.precision: auto` replaced by what this machine is fast at.

    That is `bf16-mixed` on a GPU that computes in bfloat16 and on a processor with instructions for it, else
    `32-true`. The decision is written to the run's settings, so that a resumed run keeps it.
    """
    if config.train.precision != "auto":
        return config
    if torch.cuda.is_available() and config.train.accelerator != "cpu":
        fast = torch.cuda.is_bf16_supported(including_emulation=False)
    else:
        fast = bool(FAST_BF16_FLAGS & _processor_flags())
    precision = "bf16-mixed" if fast else "32-true"
    return config.model_copy(update={"train": config.train.model_copy(update={"precision": precision})})


def fastest_device() -> torch.device:
    """Return the GPU where there is one that torch can use, else the processor."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def _processor_flags() -> set[str]:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return set()
    return next((set(line.split()) for line in lines if line.startswith("flags")), set())
