# pyright: reportMissingImports=false
"""From the four maps of the encoder to classes: a simple head, and one with object context (Yuan et al. 2020)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from soilloss.landcover.blocks import convolution, enlarged

AUXILIARY_WEIGHT = 0.4


class SimpleHead(nn.Module):
    """Maps at stride 4 side by side, 1 x 1 convolution, batch normalisation, ReLU, 1 x 1 convolution, enlarged by 4."""

    def __init__(self, channels: Sequence[int], classes: int) -> None:
        super().__init__()
        width = sum(channels)
        self.channels = tuple(channels)
        self.mix = nn.Conv2d(width, width, 1)
        self.norm = nn.BatchNorm2d(width)
        self.classify = nn.Conv2d(width, classes, 1)

    def forward(self, maps: Sequence[Tensor]) -> Tensor:
        """Return logits ``(n, classes, h, w)`` of maps at strides 4, 8, 16, 32.

        Mixing and enlarging are both linear, so the coarse maps are mixed before they are enlarged: the same numbers
        for a quarter and less of the products.
        """
        size = maps[0].shape[-2:]
        weights = self.mix.weight.split(self.channels, dim=1)
        total = F.conv2d(maps[0], weights[0], self.mix.bias)
        for x, weight in zip(maps[1:], weights[1:], strict=True):
            total = total + enlarged(F.conv2d(x, weight), size)
        logits = self.classify(F.relu(self.norm(total)))
        return enlarged(logits, (4 * size[0], 4 * size[1]))


class ObjectContextualHead(nn.Module):
    """Every pixel looks at the mean feature of each class's soft region; an auxiliary head draws the regions."""

    def __init__(self, channels: Sequence[int], classes: int, *, width: int = 512, key: int = 256) -> None:
        super().__init__()
        total = sum(channels)
        self.regions = nn.Sequential(convolution(total, total, bias=True), nn.Conv2d(total, classes, 1))
        self.pixels = convolution(total, width, 3, bias=True)
        self.query = nn.Sequential(convolution(width, key), convolution(key, key))
        self.key = nn.Sequential(convolution(width, key), convolution(key, key))
        self.value = convolution(width, key)
        self.context = convolution(key, width)
        self.classify = nn.Sequential(convolution(2 * width, width), nn.Dropout2d(0.05), nn.Conv2d(width, classes, 1))

    def forward(self, maps: Sequence[Tensor]) -> Tensor:
        """Return logits ``(n, classes, h, w)``."""
        return self.with_auxiliary(maps)[0]

    def with_auxiliary(self, maps: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
        """Return the logits and those of the auxiliary head, whose loss counts `AUXILIARY_WEIGHT`."""
        size = maps[0].shape[-2:]
        x = torch.cat([maps[0], *(enlarged(m, size) for m in maps[1:])], 1)
        regions, pixels = self.regions(x), self.pixels(x)
        logits = self.classify(torch.cat([self.context(self._attend(regions, pixels)), pixels], 1))
        full = (4 * size[0], 4 * size[1])
        return enlarged(logits, full), enlarged(regions, full)

    def _attend(self, regions: Tensor, pixels: Tensor) -> Tensor:
        share = regions.flatten(2).softmax(-1)
        objects = torch.einsum("nkp,ncp->nck", share, pixels.flatten(2))[..., None]
        query = self.query(pixels).flatten(2).transpose(1, 2)
        key, value = (part(objects).flatten(2) for part in (self.key, self.value))
        alike = (query @ key * key.shape[1] ** -0.5).softmax(-1)
        seen = (alike @ value.transpose(1, 2)).transpose(1, 2)
        return seen.reshape(-1, value.shape[1], *pixels.shape[-2:])  # the batch open: it varies in the ONNX file


HEADS = {"simple": SimpleHead, "object_contextual": ObjectContextualHead}
