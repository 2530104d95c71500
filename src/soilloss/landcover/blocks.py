# pyright: reportMissingImports=false
"""Building blocks of HRFormer (Yuan et al. 2021): window attention, transformer block, exchange between resolutions."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn


def convolution(
    inputs: int, outputs: int, size: int = 1, *, stride: int = 1, groups: int = 1, relu: bool = True, bias: bool = False
) -> nn.Sequential:
    """Return a convolution that keeps the extent (divided by `stride`), batch normalisation and maybe a ReLU."""
    layers = [
        nn.Conv2d(inputs, outputs, size, stride, size // 2, groups=groups, bias=bias),
        nn.BatchNorm2d(outputs),
    ]
    return nn.Sequential(*layers, *([nn.ReLU(inplace=True)] if relu else []))


def partition(x: Tensor, window: int) -> Tensor:
    """Cut maps ``(n, h, w, c)``, sides divisible by `window`, into windows ``(n h w / window^2, window^2, c)``."""
    n, h, w, c = x.shape
    x = x.reshape(n, h // window, window, w // window, window, c).transpose(2, 3)
    return x.reshape(-1, window * window, c)


def unpartition(windows: Tensor, window: int, h: int, w: int) -> Tensor:
    """Put the windows of `partition` together again: ``(n, h, w, c)``."""
    c = windows.shape[-1]
    x = windows.reshape(-1, h // window, w // window, window, window, c).transpose(2, 3)
    return x.reshape(-1, h, w, c)


class WindowAttention(nn.Module):
    """Multi-head self-attention inside windows that do not overlap, with a learned bias per relative position.

    Maps whose sides are no multiple of the window are padded with zeros on both sides, which take part, and cropped.
    """

    index: Tensor

    def __init__(self, channels: int, heads: int, window: int) -> None:
        super().__init__()
        self.heads, self.window = heads, window
        self.qkv = nn.Linear(channels, 3 * channels)
        self.out = nn.Linear(channels, channels)
        self.position = nn.Parameter(torch.zeros((2 * window - 1) ** 2, heads))
        at = torch.stack(torch.meshgrid(torch.arange(window), torch.arange(window), indexing="ij")).flatten(1)
        apart = at[:, :, None] - at[:, None, :] + window - 1
        self.register_buffer("index", apart[0] * (2 * window - 1) + apart[1], persistent=False)

    def bias(self) -> Tensor:
        """Return the bias of each pair of cells in a window, ``(1, heads, window^2, window^2)``."""
        return self.position[self.index].permute(2, 0, 1)[None]

    def forward(self, x: Tensor) -> Tensor:
        """Attend within the windows of maps ``(n, h, w, c)``."""
        h, w, c = x.shape[1:]
        down, right = -h % self.window, -w % self.window
        top, left = down // 2, right // 2
        if down or right:
            x = F.pad(x, (0, 0, left, right - left, top, down - top))
        tokens = self.window * self.window
        qkv = self.qkv(partition(x, self.window)).reshape(-1, tokens, 3, self.heads, c // self.heads)
        q, k, v = qkv.permute(2, 0, 3, 1, 4).unbind(0)
        seen = F.scaled_dot_product_attention(q, k, v, attn_mask=self.bias().to(q.dtype))
        seen = self.out(seen.transpose(1, 2).reshape(-1, tokens, c))
        return unpartition(seen, self.window, h + down, w + right)[:, top : top + h, left : left + w]


class Block(nn.Module):
    """``x + attention(x)``, then ``x + feed-forward(x)`` whose depthwise convolution links the windows."""

    def __init__(self, channels: int, heads: int, window: int, depth_rate: float = 0.0) -> None:
        super().__init__()
        hidden = 4 * channels
        self.depth_rate = depth_rate
        self.before_attention = nn.LayerNorm(channels, eps=1e-6)
        self.attention = WindowAttention(channels, heads, window)
        self.before_forward = nn.LayerNorm(channels, eps=1e-6)
        self.feed_forward = nn.Sequential(
            *convolution(channels, hidden, relu=False, bias=True),
            nn.GELU(),
            *convolution(hidden, hidden, 3, groups=hidden, relu=False, bias=True),
            nn.GELU(),
            *convolution(hidden, channels, relu=False, bias=True),
            nn.GELU(),
        )

    def forward(self, x: Tensor) -> Tensor:
        """Transform maps ``(n, c, h, w)``."""
        attended = self.attention(self.before_attention(x.permute(0, 2, 3, 1))).permute(0, 3, 1, 2)
        x = x + self._sometimes(attended)
        return x + self._sometimes(self.feed_forward(self.before_forward(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)))

    def _sometimes(self, x: Tensor) -> Tensor:
        """Stochastic depth: leave a sample's residual out with probability `depth_rate`, while training."""
        if not self.training or not self.depth_rate:
            return x
        keep = 1 - self.depth_rate
        return x * (torch.rand(len(x), 1, 1, 1, device=x.device) < keep) / keep


class Bottleneck(nn.Module):
    """The residual bottleneck of ResNet: 1 x 1, 3 x 3 (depthwise on request), 1 x 1 to four times the width."""

    def __init__(self, inputs: int, width: int, *, depthwise: bool = False) -> None:
        super().__init__()
        self.body = nn.Sequential(
            convolution(inputs, width),
            convolution(width, width, 3, groups=width if depthwise else 1),
            convolution(width, 4 * width, relu=False),
        )
        self.shortcut = nn.Identity() if inputs == 4 * width else convolution(inputs, 4 * width, relu=False)

    def forward(self, x: Tensor) -> Tensor:
        """Transform maps ``(n, inputs, h, w)`` to ``(n, 4 width, h, w)``."""
        return F.relu(self.body(x) + self.shortcut(x))


class Exchange(nn.Module):
    """Two transformer blocks on every branch, then each branch receives the sum of all, brought to its resolution."""

    def __init__(
        self, channels: Sequence[int], heads: Sequence[int], window: int, depth_rates: Sequence[float]
    ) -> None:
        super().__init__()
        self.branches = nn.ModuleList(
            nn.Sequential(*[Block(c, h, window, rate) for rate in depth_rates])
            for c, h in zip(channels, heads, strict=True)
        )
        steps = range(len(channels))
        self.paths = nn.ModuleList(nn.ModuleList(_path(channels, source, to) for source in steps) for to in steps)

    def forward(self, maps: list[Tensor]) -> list[Tensor]:
        """Transform and exchange maps of falling resolution."""
        maps = [branch(x) for branch, x in zip(self.branches, maps, strict=True)]
        return [F.relu(self._sum(to, maps)) for to in range(len(maps))]

    def _sum(self, to: int, maps: list[Tensor]) -> Tensor:
        size = maps[to].shape[-2:]
        total = maps[to]
        for source, path in enumerate(self.paths[to]):  # pyright: ignore[reportArgumentType]
            if source != to:
                y = path(maps[source])
                total = total + (enlarged(y, size) if source > to else y)
        return total


def _path(channels: Sequence[int], source: int, to: int) -> nn.Module:
    """Return what brings branch `source` to branch `to`, except the enlargement."""
    if source == to:
        return nn.Identity()
    if source > to:
        return convolution(channels[source], channels[to], relu=False)
    layers: list[nn.Module] = []
    width = channels[source]
    for step in range(to - source):
        last = step == to - source - 1
        layers.append(convolution(width, width, 3, stride=2, groups=width, relu=False))
        layers.append(convolution(width, channels[to] if last else width, relu=not last))
    return nn.Sequential(*layers)


def enlarged(x: Tensor, size: Sequence[int]) -> Tensor:
    """Return maps brought to `size` bilinearly."""
    return F.interpolate(x, size=tuple(size), mode="bilinear", align_corners=False)
