"""Checkpoints of losses that are spread over processes: they hold whole tables, for any number of them."""

from collections.abc import Iterable
from typing import Any

from torch import nn
from torch.optim import Optimizer

from dyml.losses.protocols import sharded_parts

RECORD = "sharded_states"  # in a checkpoint: which numbers of the optimisers were gathered
TABLES = ("state_dict", "current_model_state")  # with averaged weights, the second has those in training


def sharded_names(loss: nn.Module) -> list[str]:
    """Return the names of all parameters of a loss that are rows of larger tables."""
    parts = sharded_parts(loss)
    return [prefix + name for prefix, part in parts.items() for name in part.sharded_parameters()]


def gather_shards(checkpoint: dict[str, Any], loss: nn.Module, optimizers: Iterable[Optimizer]) -> None:
    """Put whole tables into a checkpoint in place of this process' rows; every process must do so.

    Args:
        checkpoint: as Lightning makes it, with the loss' parameters under `loss.`.
        loss: the loss of the run.
        optimizers: in the order of the checkpoint's `optimizer_states`.
    """
    checkpoint[RECORD] = []
    for prefix, part in sharded_parts(loss).items():
        for name in part.sharded_parameters():
            for table in TABLES:
                if table in checkpoint:
                    rows = checkpoint[table][f"loss.{prefix}{name}"]
                    checkpoint[table][f"loss.{prefix}{name}"] = part.gather(rows)
            parameter = loss.get_parameter(prefix + name)
            for i, optimizer in enumerate(optimizers):
                states = checkpoint["optimizer_states"][i]["state"]
                place = _place(optimizer, parameter)
                if place not in states:
                    continue
                keys = [key for key, value in states[place].items() if _like(value, parameter)]
                # A new dictionary: this one is the optimiser's own.
                states[place] = states[place] | {key: part.gather(states[place][key]) for key in keys}
                checkpoint[RECORD].append({"part": prefix, "optimizer": i, "place": place, "keys": keys})


def share_shards(checkpoint: dict[str, Any], loss: nn.Module) -> None:
    """Leave of the whole tables in a checkpoint the rows of this process, whatever processes wrote it."""
    parts = sharded_parts(loss)
    for prefix, part in parts.items():
        for name in part.sharded_parameters():
            for table in TABLES:
                if table in checkpoint:
                    whole = checkpoint[table][f"loss.{prefix}{name}"]
                    checkpoint[table][f"loss.{prefix}{name}"] = part.share(whole)
    for record in checkpoint.get(RECORD, []):
        state = checkpoint["optimizer_states"][record["optimizer"]]["state"][record["place"]]
        for key in record["keys"]:
            state[key] = parts[record["part"]].share(state[key])


def _place(optimizer: Optimizer, parameter: nn.Parameter) -> int | None:
    """Return the number of a parameter in the state of an optimiser; None where it is not its."""
    parameters = [p for group in optimizer.param_groups for p in group["params"]]
    return next((i for i, p in enumerate(parameters) if p is parameter), None)


def _like(value: Any, parameter: nn.Parameter) -> bool:
    return getattr(value, "shape", None) == parameter.shape
