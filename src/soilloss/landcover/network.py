# pyright: reportMissingImports=false
"""HRFormer, a transformer that keeps high resolution (Yuan et al. 2021), for image series of five bands."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from soilloss.errors import DataError, did_you_mean
from soilloss.landcover.blocks import Bottleneck, Exchange, WindowAttention, convolution
from soilloss.landcover.heads import HEADS

CLIP = 6.0  # standard deviations; beyond are unmasked clouds and broken pixels


class Size(NamedTuple):
    """Widths and heads of the four branches, exchanges per stage, largest rate of stochastic depth."""

    channels: tuple[int, int, int, int]
    heads: tuple[int, int, int, int]
    exchanges: tuple[int, int, int]
    depth_rate: float = 0.0


# T, S, B as published; N is for tests and small machines
SIZES = {
    "N": Size((12, 24, 48, 96), (1, 2, 4, 8), (1, 1, 1)),
    "T": Size((18, 36, 72, 144), (1, 2, 4, 8), (1, 3, 2)),
    "S": Size((32, 64, 128, 256), (1, 2, 4, 8), (1, 4, 2)),
    "B": Size((78, 156, 312, 624), (2, 4, 8, 16), (1, 4, 2), 0.2),
}


class Encoder(nn.Module):
    """Stem, residual stage and three stages of parallel branches: maps at strides 4, 8, 16 and 32."""

    def __init__(self, size: Size, bands: int, window: int) -> None:
        super().__init__()
        c = self.channels = size.channels
        self.stem = nn.Sequential(convolution(bands, 64, 3, stride=2), convolution(64, 64, 3, stride=2))
        self.residual = nn.Sequential(Bottleneck(64, 64), Bottleneck(256, 64))
        self.first = nn.ModuleList([convolution(256, c[0], 3), convolution(256, c[1], 3, stride=2)])
        self.deeper = nn.ModuleList(convolution(c[n - 1], c[n], 3, stride=2) for n in (2, 3))
        blocks = 2 * sum(size.exchanges)
        rates = iter([size.depth_rate * n / (blocks - 1) for n in range(blocks)])
        self.stages = nn.ModuleList(
            nn.Sequential(
                *[Exchange(c[:n], size.heads[:n], window, [next(rates), next(rates)]) for _ in range(exchanges)]
            )
            for n, exchanges in zip((2, 3, 4), size.exchanges, strict=True)
        )

    def forward(self, x: Tensor) -> list[Tensor]:
        """Return the four maps of normalised images ``(n, bands, h, w)``."""
        x = self.residual(self.stem(x))
        maps = self.stages[0]([branch(x) for branch in self.first])
        for stage, branch in zip(list(self.stages)[1:], self.deeper, strict=True):
            maps = stage([*maps, branch(maps[-1])])
        return maps


class HRFormer(nn.Module):
    """Network from surface reflectance to land cover classes.

    Parameters
    ----------
    size : {"T", "S", "B", "N"}
        Tiny, small and base as published; N, a third of T, for small machines and tests.
    bands, classes : int
        Bands of the images, and classes of the labels: class 1 is channel 0.
    window : int
        Side of the attention windows in cells; 8 divides tiles of 256 cells without padding, the study used 7.
    head : {"simple", "object_contextual"}
        Head on the four maps.

    Notes
    -----
    Structure and initial weights as in Yuan et al. (2021), *HRFormer: High-Resolution Transformer for Dense
    Prediction*. `moments` (mean and standard deviation of each band) belong to the network, so it takes reflectance;
    missing values (NaN) become the band's mean.

    Examples
    --------
    >>> import torch
    >>> HRFormer(size="N")(torch.zeros(1, 5, 64, 64)).shape
    torch.Size([1, 8, 64, 64])
    """

    moments: Tensor

    def __init__(
        self, *, size: str = "S", bands: int = 5, classes: int = 8, window: int = 8, head: str = "simple"
    ) -> None:
        super().__init__()
        for what, value, known in (("size", size, SIZES), ("head", head, HEADS)):
            if value not in known:
                raise DataError(f"HRFormer has no {what} {value!r}{did_you_mean(value, known)}; use {', '.join(known)}")
        self.settings: dict[str, Any] = {
            "size": size, "bands": bands, "classes": classes, "window": window, "head": head
        }  # fmt: skip
        self.encoder = Encoder(SIZES[size], bands, window)
        self.head = HEADS[head](SIZES[size].channels, classes)
        self.register_buffer("moments", torch.tensor([[0.0] * bands, [1.0] * bands]))
        self.apply(_start)
        for module in self.head.modules():  # few outputs: by fan-out the first logits would be far apart
            if isinstance(module, nn.Conv2d) and module.out_channels == classes:
                nn.init.normal_(module.weight, std=0.01)

    def normalised(self, reflectance: Tensor) -> Tensor:
        """Return reflectance ``(n, bands, h, w)`` in standard deviations, cut at 6; NaN becomes 0."""
        mean, deviation = self.moments[:, :, None, None]
        return torch.nan_to_num(((reflectance - mean) / deviation).clamp(-CLIP, CLIP))

    def features(self, reflectance: Tensor) -> list[Tensor]:
        """Return the encoder's maps ``(n, c, h / s, w / s)`` at strides s of 4, 8, 16 and 32."""
        return self.encoder(self.normalised(reflectance))

    def forward(self, reflectance: Tensor) -> Tensor:
        """Return logits ``(n, classes, h, w)`` of reflectance ``(n, bands, h, w)``, sides divisible by 32."""
        return self.head(self.features(reflectance))


def set_moments(model: HRFormer, moments: Sequence[Sequence[float]]) -> None:
    """Set mean and standard deviation of each band, ``(2, bands)``, in reflectance."""
    given = torch.as_tensor(moments, dtype=torch.float32)
    if given.shape != model.moments.shape or not (given[1] > 0).all():
        raise DataError(
            f"moments of shape {tuple(given.shape)} with deviations {given[-1].tolist()}, expected "
            f"{tuple(model.moments.shape)} with positive deviations; compute them from the training tiles"
        )
    model.moments.copy_(given)


def _start(module: nn.Module) -> None:
    """Set initial weights: Kaiming by fan-out, truncated normal of 0.02 for linear layers and position biases."""
    if isinstance(module, nn.Conv2d):
        nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
    elif isinstance(module, nn.Linear):
        nn.init.trunc_normal_(module.weight, std=0.02)
    elif isinstance(module, WindowAttention):
        nn.init.trunc_normal_(module.position, std=0.02)
    if isinstance(module, nn.Conv2d | nn.Linear) and module.bias is not None:
        nn.init.zeros_(module.bias)
