"""What tests of whole runs share."""

from io import StringIO
from pathlib import Path

import torch
from rich.console import Console
from safetensors.torch import load_file

from dyml.training import Config


def quiet() -> Console:
    return Console(file=StringIO())


def changed(config: Config, **options: object) -> Config:
    value = config.model_dump(mode="json")
    for name, new in options.items():
        section, _, key = name.partition("__")
        value[section][key] = new
    return Config.model_validate(value)


def weights(run: Path) -> dict[str, torch.Tensor]:
    return load_file(run / "model" / "model.safetensors")


def same_weights(a: Path, b: Path) -> bool:
    first, second = weights(a), weights(b)
    return first.keys() == second.keys() and all(
        torch.allclose(first[name], second[name], rtol=1e-5, atol=1e-6) for name in first
    )
