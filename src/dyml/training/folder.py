"""The run folder: what a run leaves behind, and how it is found again."""

import platform
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from dyml.errors import RunError

PACKAGES = ("dyml", "torch", "torchvision", "timm", "lightning", "numpy", "pillow", "pytorch-metric-learning")


@dataclass(frozen=True)
class RunFolder:
    """Where the parts of a run lie.

    Attributes:
        path: the folder.
    """

    path: Path

    @property
    def config(self) -> Path:
        """The settings in full, defaults included."""
        return self.path / "config.yaml"

    @property
    def checkpoint(self) -> Path:
        """What `--resume` goes on from."""
        return self.path / "last.ckpt"

    @property
    def curves(self) -> Path:
        """Loss, rate and validation measures by step."""
        return self.path / "curves.csv"

    @property
    def tensorboard(self) -> Path:
        """The same for TensorBoard."""
        return self.path / "tensorboard"

    @property
    def environment(self) -> Path:
        """Versions and machine."""
        return self.path / "environment.json"

    @property
    def model(self) -> Path:
        """The trained embedder, for `Embedder.from_pretrained`."""
        return self.path / "model"

    @property
    def metrics(self) -> Path:
        """The measures on the test split."""
        return self.path / "metrics.json"

    @property
    def report(self) -> Path:
        """The report for people."""
        return self.path / "report.html"

    def check_new(self) -> None:
        """Raise RunError if the folder already holds something."""
        if self.config.exists():
            raise RunError(
                f"{self.path} already holds a run: go on with `dyml train --resume {self.path}`, or "
                f"choose another folder with --run"
            )
        if self.path.exists() and (not self.path.is_dir() or any(self.path.iterdir())):
            raise RunError(f"{self.path} exists and is not an empty folder: choose another with --run")

    def check_resumable(self) -> None:
        """Raise RunError unless the folder holds a run."""
        if not self.path.is_dir():
            raise RunError(f"no run folder {self.path}")
        if not self.config.is_file():
            raise RunError(f"{self.path} holds no run: it has no {self.config.name}")


def describe_environment() -> dict[str, Any]:
    """Return the versions of what computes, and the machine."""
    import torch

    device = torch.cuda.get_device_name() if torch.cuda.is_available() else None
    return {
        "python": platform.python_version(),
        "system": platform.platform(),
        "processor": _processor(),
        "threads": torch.get_num_threads(),
        "gpu": device,
        "packages": {name: _version(name) for name in PACKAGES},
    }


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return f"{models[0]} ({len(models)} cores)" if models else platform.processor()
