"""One training step: augment, embed, loss. The step's number alone decides its random draws."""

from typing import Any

import lightning as L
import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.parallel import DistributedDataParallel

from dyml.data.batch_augment import BatchAugment
from dyml.data.channels import SWAPPED
from dyml.errors import RunError
from dyml.losses.protocols import sharded_parts
from dyml.metrics import Result, evaluate
from dyml.models import Embedder
from dyml.training.build import BACKBONE, build_optimizer, build_teacher
from dyml.training.config import Config
from dyml.training.schedule import warmup_cosine
from dyml.training.shards import gather_shards, sharded_names, share_shards

Batch = tuple[Tensor, Tensor, Tensor]  # pictures uint8 (B, C, H, W), labels (B, L), rows (B,)


class NotFinite(RunError):
    """A loss that is NaN or infinite: to go on would not help."""


class EmbeddingModule(L.LightningModule):
    """Trains an embedder with a loss over several scales.

    Args:
        config: the run's settings.
        embedder: what is trained.
        loss: `loss(embeddings, labels) -> scalar`; its parameters are trained, too. What more it may ask for
            is in `dyml.losses.protocols`.
        total_steps: the length of the schedule.

    Attributes:
        teacher: the moving average that the loss asks for, or None.
    """

    def __init__(self, config: Config, embedder: Embedder, loss: nn.Module, total_steps: int) -> None:
        super().__init__()
        self.config = config
        self.embedder = embedder
        self.loss = loss
        self.teacher = build_teacher(config, embedder, loss)
        self.total_steps = total_steps
        # Pictures that are opened from disk each time are cropped there, before most of them is decoded.
        whole = config.data.ram or config.data.pack is not None
        augment = config.augment if whole else config.augment.without_crop
        self.augment = BatchAugment(augment, config.data.size, config.data.padding)
        self.last_validation: Result | None = None
        self._validated: list[tuple[Tensor, Tensor]] = []

    def configure_model(self) -> None:
        """Spread over the processes what the loss shares out among them, and let no one average it."""
        for part in sharded_parts(self.loss).values():
            part.spread()
        if names := [f"loss.{name}" for name in sharded_names(self.loss)]:
            DistributedDataParallel._set_params_and_buffers_to_ignore_for_model(self, names)

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Put the whole of what is spread over the processes into the checkpoint; all of them come here."""
        gather_shards(checkpoint, self.loss, self.trainer.optimizers)

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Take this process' share of it."""
        share_shards(checkpoint, self.loss)

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        """Return the loss of a batch.

        Raises:
            NotFinite: the loss is NaN or infinite; names the step.
        """
        images, labels, _ = batch
        images = self._in_order(images)
        seed = step_seed(self.config.train.seed, self.global_step, self.global_rank)
        torch.manual_seed(seed)
        images = self.augment(images, seed)
        features = self.embedder.features(images)
        embeddings = self.embedder.project(features)
        outputs = () if self.teacher is None else self.teacher(features, images)
        with torch.autocast(embeddings.device.type, enabled=False):
            loss = self.loss(embeddings, labels, *outputs)
        if not torch.isfinite(loss):
            raise NotFinite(
                f"the loss is {loss.item()} at step {self.global_step} (epoch {self.current_epoch}). The run "
                f"stops here; its last checkpoint is from before. Try a lower --optim.lr (now "
                f"{self.config.optim.lr:g}), a longer --optim.warmup, or --optim.clip 1"
            )
        self.log("loss", loss)
        self.log("lr", self.trainer.optimizers[0].param_groups[0]["lr"])
        return loss

    def optimizer_step(self, *args: Any, **kwargs: Any) -> None:
        """Move the weights, then their average: behind a step, where checkpoints are written, both agree."""
        super().optimizer_step(*args, **kwargs)
        if self.teacher is not None:
            self.teacher.follow(self.embedder)

    def on_train_epoch_start(self) -> None:
        """Keep the backbone's batch norms in evaluation where they are frozen."""
        if self.config.model.freeze_batch_norm:
            for name, part in self.named_modules():
                if BACKBONE in name.split(".") and isinstance(part, _BatchNorm):
                    part.eval()

    def on_before_optimizer_step(self, optimizer: Any) -> None:
        """Let the backbone rest in the first epochs where that is wanted: no gradient, no move."""
        if self.global_step * self.config.train.epochs < self.config.optim.rest * self.total_steps:
            for parameter in self.embedder.backbone.parameters():
                parameter.grad = None

    def validation_step(self, batch: Batch, batch_idx: int) -> None:
        """Embed a batch of the validation pictures."""
        images, labels, _ = batch
        self._validated.append((self.embedder(self._in_order(images)).float().cpu(), labels.cpu()))

    def on_validation_epoch_end(self) -> None:
        """Measure the validation pictures, leave-one-out, and log the overall figures."""
        embeddings, labels = (torch.cat(parts) for parts in zip(*self._validated))
        self._validated.clear()
        assert self.embedder.taxonomy is not None
        self.last_validation = evaluate(embeddings, labels, scales=self.embedder.taxonomy.scales)
        values = self.last_validation.to_dict()
        for name in ("mAP", "ASI", "CMC@1"):
            for scale in (*self.embedder.taxonomy.scales, "overall"):
                if (value := values[scale][name]) is not None:
                    self.log(f"validation {scale} {name}", value, rank_zero_only=True)

    def configure_optimizers(self) -> Any:
        """Make the optimiser and the schedule, which moves with every step."""
        network = nn.ModuleList([self.embedder] if self.teacher is None else [self.embedder, self.teacher])
        optimizer = build_optimizer(self.config.optim, network, self.loss)
        settings, total = self.config.optim, self.total_steps
        warmup = round(settings.warmup * total)
        schedule = torch.optim.lr_scheduler.LambdaLR(
            optimizer, lambda step: warmup_cosine(step, total, warmup, settings.end)
        )
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}

    def _in_order(self, images: Tensor) -> Tensor:
        """Return pictures with their channels in the order that the data are to be read in."""
        return images.flip(1) if self.config.data.channel_order == SWAPPED else images

    def configure_gradient_clipping(self, optimizer: Any, *_: Any, **__: Any) -> None:
        """Shorten the embedder's gradient; proxies have unit directions and are left alone."""
        if self.config.optim.clip is not None:
            nn.utils.clip_grad_norm_(self.embedder.parameters(), self.config.optim.clip)


def step_seed(seed: int, step: int, rank: int = 0) -> int:
    """Return a seed of 63 bits for one step of one rank; equal arguments give equal seeds."""
    return int(np.random.SeedSequence((seed, step, rank)).generate_state(1, np.uint64)[0] >> 1)
