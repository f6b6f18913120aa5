"""From a configuration to the parts of a run: embedder, loss, sampler, optimiser."""

from typing import Any

import torch
from torch import nn
from torch.optim import Optimizer

from dyml.data.manifest import Manifest
from dyml.errors import ConfigError, InputError
from dyml.imports import check_arguments, import_name
from dyml.losses.protocols import TaughtLoss, sharded_parts, sparse_parameters
from dyml.models import Embedder
from dyml.taxonomy import Taxonomy
from dyml.training.config import Config, Named, OptimConfig
from dyml.training.sparse_rows import SparseRows
from dyml.training.teacher import Teacher

BACKBONE = "backbone"  # the embedder's name for it


def make(section: Named, what: str, **given: Any) -> Any:
    """Call what a section names with what the caller gives and the section's own options.

    Raises:
        ConfigError: it cannot be imported, does not take an option, or refuses a value.
    """
    target = import_name(section.type)
    check_arguments(target, section.args, given, what)
    try:
        return target(**given, **section.args)
    except TypeError as error:
        raise ConfigError(f"{what}: {section.type} cannot be made: {error}") from error
    except InputError as error:
        raise ConfigError(f"{what}: {error} (Its options are written --{what}.NAME VALUE.)") from error


def build_embedder(config: Config, taxonomy: Taxonomy) -> Embedder:
    """Make the embedder of a run, its weights drawn by the run's seed."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(config.train.seed)
        embedder = Embedder(
            config.model.backbone,
            dim=config.model.dim,
            pooling=config.model.pooling,
            layer_norm=config.model.layer_norm,
            pretrained=config.model.pretrained,
            channels=config.data.channels,
            image_size=config.data.size,
            resize=config.data.resize,
            backbone_args=config.model.backbone_args or None,
            head=config.model.head,
            scales=taxonomy.num_scales if config.model.head == "scales" else None,
        )
    embedder.taxonomy = taxonomy
    return embedder


def build_loss(config: Config, taxonomy: Taxonomy) -> nn.Module:
    """Make the loss of a run, its proxies drawn by the run's seed."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(config.train.seed + 1)
        loss = make(config.loss, "loss", taxonomy=taxonomy, dim=config.model.dim)
    if config.train.devices > 1:
        _check_devices(config, loss)
    return loss


def _check_devices(config: Config, loss: nn.Module) -> None:
    """Refuse what several devices cannot train together."""
    if sparse_parameters(loss):
        raise ConfigError(
            f"loss: {config.loss.type} with sparse gradients trains on one device, not on "
            f"train.devices {config.train.devices}: set --loss.sparse false, or spread the classes over the "
            f"devices with dyml.losses.ShardedCrossScaleLoss"
        )
    if sharded_parts(loss) and config.train.precision == "16-mixed":
        raise ConfigError(
            f"loss: {config.loss.type} does not train in train.precision 16-mixed on several devices: each "
            f"would leave out other steps. Set --train.precision bf16-mixed or 32-true"
        )


def build_teacher(config: Config, embedder: Embedder, loss: nn.Module) -> Teacher | None:
    """Make the moving average that a loss asks for, its head drawn by the run's seed; else None."""
    if not isinstance(loss, TaughtLoss) or loss.auxiliary is None:
        return None
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(config.train.seed + 2)
        return Teacher(embedder, loss.auxiliary)


def build_sampler(config: Config, manifest: Manifest, rank: int = 0, world_size: int = 1) -> Any:
    """Make the batch sampler of a run over the training manifest.

    A sampler whose class says `over_scales` is given the label table, any other the finest classes.
    """
    over_scales = getattr(import_name(config.sampler.type), "over_scales", False)
    return make(
        config.sampler,
        "sampler",
        labels=manifest.labels if over_scales else manifest.labels[:, 0],
        seed=config.train.seed,
        rank=rank,
        world_size=world_size,
    )


def build_optimizer(config: OptimConfig, embedder: nn.Module, loss: nn.Module) -> Optimizer:
    """Make the optimiser: weights decay, biases and norms do not; head and proxies may have other rates.

    Parameters that the loss gives sparse gradients are stepped by SparseAdam, with the `betas` and `eps` of
    the configuration where it has them.
    """
    rows = sparse_parameters(loss)
    by_rows = {id(p) for p in rows}
    proxies = [p for p in loss.parameters() if id(p) not in by_rows]
    proxy_lr = config.proxy_lr or config.lr
    groups = [
        {**part, "params": params, "weight_decay": decay}
        for part in _parts(config, embedder)
        for params, decay in (
            ([p for p in part["params"] if p.ndim > 1], config.weight_decay),
            ([p for p in part["params"] if p.ndim <= 1], 0.0),
        )
    ]
    groups.append({"params": proxies, "lr": proxy_lr, "weight_decay": 0.0})
    groups = [group for group in groups if group["params"]]
    dense = make(config, "optim", params=groups, lr=config.lr)
    if not rows:
        return dense
    return SparseRows(
        dense, rows, proxy_lr, **{k: config.args[k] for k in ("betas", "eps") if k in config.args}
    )


def _parts(config: OptimConfig, network: nn.Module) -> list[dict[str, Any]]:
    """Part the backbone from the head where they are trained differently."""
    trained = [(name, p) for name, p in network.named_parameters() if p.requires_grad]
    if config.head_lr is None:
        return [{"params": [p for _, p in trained]}]
    return [
        {"params": [p for name, p in trained if BACKBONE in name.split(".")]},
        {"params": [p for name, p in trained if BACKBONE not in name.split(".")], "lr": config.head_lr},
    ]
