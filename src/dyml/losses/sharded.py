"""Cross-Scale Learning whose proxies are spread over the processes of torch.distributed.

Every process holds one run of the fine classes and embeds its own pictures. In a step:

1. the embeddings and labels of all processes are gathered, so that each has the whole batch;
2. each multiplies the whole batch with its own proxies and sums exp(z) within the classes of the next scale,
   as `dyml.losses._bands` does;
3. the sums, one number a class and sample, are added up over the processes. From there all compute the same.

Backward is local but for one sum, that of the gradient in the embeddings. The largest table that a process
holds has B · F / processes numbers, and no proxy ever travels.
"""

from collections.abc import Sequence
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn

from dyml.errors import InputError
from dyml.losses._bands import class_parents
from dyml.losses._fused import fused_terms
from dyml.losses._shards import GatherRows, Shard, gather_rows
from dyml.losses.checks import check_batch, check_dim, check_scale, checked_margins
from dyml.losses.cross_scale import FIRST_MARGIN, SCALE
from dyml.taxonomy import Taxonomy

DRAWN = 4096  # rows that are drawn from one generator


class ShardedCrossScaleLoss(nn.Module):
    """CSL with each process' share of the proxies; loss and gradients are those of one process with all.

    Make it in every process, after torch.distributed has begun; or before, and call `spread` when it has, as
    `dyml train` does. Without torch.distributed, `spread` gives one process all proxies. All processes must
    take part in every call, with batches of one size.

    Args:
        taxonomy: the tree of all training classes.
        dim: D, the length of the embeddings.
        margins: see `CrossScaleLoss`.
        scale: see `CrossScaleLoss`.
        averaged: whether the gradients of the embedder are averaged over the processes afterwards, as
            DistributedDataParallel does. Then the gradient in the embeddings is multiplied by their number,
            so that the average is the gradient of the mean over the whole batch. The proxies' gradient is
            that already and must be left alone: keep this module out of DistributedDataParallel.
        recompute: see `cross_scale_terms`.
        group: the processes; None: all.

    Attributes:
        proxies: Parameter (F of this process, D): the fine classes `classes.start` to `classes.stop - 1`;
            until they are spread, a parameter without memory.
        seed: decides how the proxies begin.
        classes: the range of fine classes that this process holds; empty until they are spread.

    Raises:
        InputError: there are fewer fine classes than processes, or a setting does not fit the taxonomy.

    Source: Sun et al., "Dynamic Metric Learning", CVPR 2021, arXiv 2103.11781.
    """

    lineage: Tensor

    def __init__(
        self,
        taxonomy: Taxonomy,
        dim: int,
        margins: Sequence[float] | None = None,
        scale: float = SCALE,
        averaged: bool = True,
        recompute: bool | None = None,
        group: Any = None,
    ) -> None:
        super().__init__()
        check_dim(dim)
        self.margins = checked_margins(margins, FIRST_MARGIN, taxonomy.scales)
        self.scale = check_scale(scale)
        self.averaged, self.recompute, self.group = averaged, recompute, group
        self.world, self.classes = 0, range(0)
        self.seed = int(torch.randint(2**62, ()))
        self.proxies = nn.Parameter(torch.empty(taxonomy.num_fine, dim, device="meta"))
        self.register_buffer("lineage", torch.from_numpy(taxonomy.lineage.copy()), persistent=False)
        for m, parent in enumerate(class_parents(self.lineage)):
            self.register_buffer(f"parents{m}", parent, persistent=False)
        self.register_load_state_dict_pre_hook(_check_spread)
        if dist.is_available() and dist.is_initialized():
            self.spread()

    def spread(self) -> None:
        """Make the proxies that this process holds; do nothing where they are made.

        Raises:
            InputError: there are fewer fine classes than processes.
        """
        if self.world:
            return
        begun = dist.is_available() and dist.is_initialized()
        rank, world = (dist.get_rank(self.group), dist.get_world_size(self.group)) if begun else (0, 1)
        fine, dim = self.proxies.shape
        if fine < world:
            raise InputError(
                f"{fine} fine classes cannot be spread over {world} processes: use CrossScaleLoss"
            )
        self.world = world
        self.classes = range(fine * rank // world, fine * (rank + 1) // world)
        self.proxies = nn.Parameter(
            torch.empty(len(self.classes), dim, dtype=self.proxies.dtype, device=self.lineage.device)
        )
        self.reset_parameters()

    @torch.no_grad()
    def reset_parameters(self) -> None:
        """Draw the proxies, normal and about of unit length, from `seed`, which torch gives at first.

        With one seed in all processes, the whole table is the same for any number of them: rows are drawn by
        blocks, each from a generator of its own.
        """
        dim = self.proxies.shape[1]
        for start in range(self.classes.start // DRAWN * DRAWN, self.classes.stop, DRAWN):
            generator = torch.Generator().manual_seed(self.seed + start)
            block = torch.randn(DRAWN, dim, generator=generator, device="cpu") * dim**-0.5
            first, last = max(start, self.classes.start), min(start + DRAWN, self.classes.stop)
            rows = slice(first - self.classes.start, last - self.classes.start)
            self.proxies[rows] = block[first - start : last - start].to(self.proxies)

    def terms(self, embeddings: Tensor, labels: Tensor) -> Tensor:
        """Return the (L, processes · B) terms of the whole batch, the same in every process."""
        _check_spread(self)
        check_batch(embeddings, labels, self.lineage, self.proxies.shape[1])
        x, own, shard = embeddings, labels[:, 0], None
        if self.world > 1:
            self._check_sizes(len(labels), labels.device)
            x = GatherRows.apply(embeddings, self.group, float(self.world if self.averaged else 1))
            own = gather_rows(own, self.group)
            shard = Shard(self.classes.start, self.group)
        parents = tuple(getattr(self, f"parents{m}") for m in range(self.lineage.shape[1]))
        return fused_terms(x, self.proxies, own, parents, self.margins, self.scale, self.recompute, shard)

    def forward(self, embeddings: Tensor, labels: Tensor) -> Tensor:
        """Return the loss of the whole batch, the same in every process: summed over scales, mean over it.

        Args:
            embeddings: (B, D) unit rows, this process' own.
            labels: (B, L) int64, rows of the taxonomy's lineage.

        Raises:
            InputError: shapes or dtypes do not fit, a row is not in the taxonomy, or batches differ in size.
        """
        return self.terms(embeddings, labels).sum(0).mean()

    def sharded_parameters(self) -> list[str]:
        """Return the names of the parameters of which this process holds rows (see `ShardedLoss`)."""
        return ["proxies"]

    @torch.no_grad()
    def gather(self, rows: Tensor) -> Tensor:
        """Return a whole table (F, …), the same in every process, of which each gives its classes' rows."""
        if self.world == 1:
            return rows.clone()
        fine = len(self.lineage)
        most = -(-fine // self.world)
        padded = rows.new_zeros(most, *rows.shape[1:])
        padded[: len(self.classes)] = rows
        parts = gather_rows(padded, self.group).split(most)
        edges = [fine * rank // self.world for rank in range(self.world + 1)]
        return torch.cat([part[: stop - start] for part, start, stop in zip(parts, edges, edges[1:])])

    def share(self, table: Tensor) -> Tensor:
        """Return this process' classes' rows of a whole table (F, …)."""
        return table[self.classes.start : self.classes.stop].clone()

    def gather_proxies(self) -> Tensor:
        """Return all proxies (F, D), the same in every process, to save them or to load them elsewhere."""
        return self.gather(self.proxies.detach())

    @torch.no_grad()
    def load_proxies(self, proxies: Tensor) -> None:
        """Take this process' rows of all proxies, (F, D), such as those of a `CrossScaleLoss`.

        Raises:
            InputError: another shape.
        """
        if proxies.shape != (len(self.lineage), self.proxies.shape[1]):
            raise InputError(
                f"proxies must be ({len(self.lineage)}, {self.proxies.shape[1]}); got {tuple(proxies.shape)}"
            )
        self.proxies.copy_(self.share(proxies))

    def _check_sizes(self, size: int, device: torch.device) -> None:
        if device.type != "cpu":  # reading them would stop an accelerator at every step
            return
        sizes = gather_rows(torch.tensor([size]), self.group).tolist()
        if len(set(sizes)) > 1:
            raise InputError(f"the processes have batches of {sizes} pictures: all must be of one size")

    def extra_repr(self) -> str:
        """Show the settings in the module's repr."""
        return (
            f"classes={self.classes.start} … {self.classes.stop - 1} of {len(self.lineage)}, "
            f"dim={self.proxies.shape[1]}, margins={self.margins}, scale={self.scale}, "
            f"averaged={self.averaged}"
        )


def _check_spread(loss: ShardedCrossScaleLoss, *_: Any) -> None:
    if not loss.world:
        raise InputError(
            "the proxies are not spread over the processes yet: call spread() once torch.distributed has "
            "begun, or without it for one process"
        )
