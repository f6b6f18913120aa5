"""Backbones by name: every one that timm knows, and `dyml_small`; all give one form of feature map."""

from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn

from dyml.errors import ConfigError, suggest
from dyml.models.small import SmallNet

SMALL = "dyml_small"


class TimmFeatures(nn.Module):
    """A timm model without its head, giving (B, C, h, w) whatever the model's own layout.

    Token models give (B, C, n, 1): the tokens of the picture, without class and register tokens.
    """

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model
        self.num_features = int(model.num_features)  # type: ignore[arg-type]
        self.channels_last = getattr(model, "output_fmt", "NCHW") == "NHWC"
        self.prefix_tokens = int(getattr(model, "num_prefix_tokens", 0))

    def forward(self, images: Tensor) -> Tensor:
        """Map (B, channels, H, W) normalised pictures to (B, num_features, h, w)."""
        maps = self.model.forward_features(images)  # type: ignore[operator]
        if maps.ndim == 3:
            return maps[:, self.prefix_tokens :].transpose(1, 2).unsqueeze(3)
        return maps.permute(0, 3, 1, 2) if self.channels_last else maps


def make_backbone(
    name: str,
    channels: int = 3,
    image_size: int = 224,
    pretrained: bool = False,
    args: Mapping[str, Any] | None = None,
) -> nn.Module:
    """Build a backbone: a module from pictures to feature maps with an attribute `num_features`.

    Args:
        name: `dyml_small`, or the name of a timm model.
        channels: 1 (grey) or 3 (colour).
        image_size: the picture's side in pixels; used by backbones whose shape depends on it.
        pretrained: load timm's published weights, which downloads them.
        args: further arguments of the backbone, such as `width` for `dyml_small`.

    Raises:
        ConfigError: no such backbone (the nearest name is suggested), it does not take `args`, or its weights
            cannot be had.
    """
    args = dict(args or {})
    try:
        if name == SMALL:
            if pretrained:
                raise ConfigError(f"{SMALL} has no pretrained weights: set pretrained to false")
            return SmallNet(channels=channels, image_size=image_size, **args)
        return TimmFeatures(_timm_model(name, channels, image_size, pretrained, args))
    except TypeError as error:
        raise ConfigError(f"backbone {name!r} does not take {args}: {error}") from error


def _timm_model(
    name: str, channels: int, image_size: int, pretrained: bool, args: dict[str, Any]
) -> nn.Module:
    import timm

    if not timm.is_model(name.split(".")[0]):  # a name may carry the tag of its weights: resnet18.a1_in1k
        known = [SMALL, *timm.list_models()]
        raise ConfigError(
            f"no backbone {name!r}.{suggest(name, known)} timm.list_models() lists {len(known) - 1:,}; "
            f"{SMALL!r} is dyml's own for small pictures"
        )
    try:
        published = timm.models.get_pretrained_cfg(name, allow_unregistered=True)
        if published is not None and published.fixed_input_size:
            args.setdefault("img_size", image_size)
        return timm.create_model(name, pretrained=pretrained, num_classes=0, in_chans=channels, **args)
    except (OSError, RuntimeError) as error:
        if not pretrained:
            raise ConfigError(f"backbone {name!r}: {error}") from error
        raise ConfigError(f"the weights of {name!r} could not be loaded: {error}") from error
