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
from dyml.losses._bands import class_parents, fused_terms
from dyml.losses._shards import GatherRows, Shard, gather_rows
from dyml.losses.checks import check_batch, check_scale, checked_margins
from dyml.losses.cross_scale import FIRST_MARGIN, SCALE
from dyml.taxonomy import Taxonomy


class ShardedCrossScaleLoss(nn.Module):
    """CSL with each process' share of the proxies; loss and gradients are those of one process with all.

    Make it in every process, after torch.distributed has begun. All processes must take part in every call,
    with batches of one size.

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
        proxies: Parameter (F of this process, D): the fine classes `classes.start` to `classes.stop - 1`.
        classes: the range of fine classes that this process holds.

    Raises:
        InputError: torch.distributed has not begun, there are fewer fine classes than processes, or a setting
            does not fit the taxonomy.

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
        if not (dist.is_available() and dist.is_initialized()):
            raise InputError(
                "torch.distributed has not begun: call torch.distributed.init_process_group first"
            )
        rank, world, fine = dist.get_rank(group), dist.get_world_size(group), taxonomy.num_fine
        if fine < world:
            raise InputError(
                f"{fine} fine classes cannot be spread over {world} processes: use CrossScaleLoss"
            )
        if dim < 1:
            raise InputError(f"dim must be 1 or more; got {dim}")
        self.margins = checked_margins(margins, FIRST_MARGIN, taxonomy.scales)
        self.scale = check_scale(scale)
        self.averaged, self.recompute, self.group = averaged, recompute, group
        self.classes = range(fine * rank // world, fine * (rank + 1) // world)
        self.proxies = nn.Parameter(torch.empty(len(self.classes), dim))
        self.register_buffer("lineage", torch.from_numpy(taxonomy.lineage.copy()), persistent=False)
        for m, parent in enumerate(class_parents(self.lineage)):
            self.register_buffer(f"parents{m}", parent, persistent=False)
        self.reset_parameters()

    @torch.no_grad()
    def reset_parameters(self) -> None:
        """Draw the proxies anew, about of unit length: other ones in each process, even with equal seeds."""
        seed = int(torch.randint(2**62, ())) + dist.get_rank(self.group)
        generator = torch.Generator(self.proxies.device).manual_seed(seed)
        nn.init.normal_(self.proxies, std=self.proxies.shape[1] ** -0.5, generator=generator)

    def terms(self, embeddings: Tensor, labels: Tensor) -> Tensor:
        """Return the (L, processes · B) terms of the whole batch, the same in every process."""
        check_batch(embeddings, labels, self.lineage, self.proxies.shape[1])
        self._check_sizes(len(labels), labels.device)
        world = dist.get_world_size(self.group)
        x = GatherRows.apply(embeddings, self.group, float(world if self.averaged else 1))
        own = gather_rows(labels[:, 0], self.group)
        parents = tuple(getattr(self, f"parents{m}") for m in range(self.lineage.shape[1]))
        shard = Shard(self.classes.start, self.group)
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

    @torch.no_grad()
    def gather_proxies(self) -> Tensor:
        """Return all proxies (F, D), the same in every process, to save them or to load them elsewhere."""
        world = dist.get_world_size(self.group)
        most = -(-len(self.lineage) // world)
        padded = self.proxies.new_zeros(most, self.proxies.shape[1])
        padded[: len(self.classes)] = self.proxies
        parts = gather_rows(padded, self.group).split(most)
        edges = [len(self.lineage) * rank // world for rank in range(world + 1)]
        return torch.cat([part[: stop - start] for part, start, stop in zip(parts, edges, edges[1:])])

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
        self.proxies.copy_(proxies[self.classes.start : self.classes.stop])

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
