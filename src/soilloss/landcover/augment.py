# pyright: reportMissingImports=false
"""Perturbations of images and features. Geometry is a table of source cells, so labels follow images exactly."""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Generator, Tensor

from soilloss.landcover.settings import Geometry

FLIPS = Geometry()
LABELLED = Geometry(zoom=(0.67, 1.33))


class Warp(NamedTuple):
    """For every cell of a new image the cell of the old one it takes its value from.

    Parameters
    ----------
    source : tensor (n, h w), int64
        Index of the source cell, row after row.
    inside : tensor (n, h, w), bool
        Whether the source lies inside the old image.
    """

    source: Tensor
    inside: Tensor


def random_warp(n: int, size: int, geometry: Geometry, random: Generator) -> Warp:
    """Draw a transform for each of `n` square images of `size` cells.

    Examples
    --------
    >>> warp = random_warp(2, 32, LABELLED, Generator().manual_seed(0))
    >>> warp.source.shape, warp.inside.shape
    (torch.Size([2, 1024]), torch.Size([2, 32, 32]))
    """

    def uniform(low: float, high: float) -> Tensor:
        return low + (high - low) * torch.rand(n, generator=random, dtype=torch.float64)

    turn = torch.randint(0, 4, (n,), generator=random) * (math.pi / 2)
    turn = turn + uniform(-geometry.angle, geometry.angle) * (math.pi / 180)
    mirror = 1 - 2 * torch.randint(0, 2, (n,), generator=random, dtype=torch.float64)
    zoom = uniform(*geometry.zoom)
    # across the old image by what the smaller region leaves free, and by the shift
    free = (1 - zoom).clamp(min=0) / 2 + geometry.shift
    move = torch.stack([uniform(-1, 1), uniform(-1, 1)], 1) * (free * size)[:, None]
    cosine, sine = torch.cos(turn) * zoom, torch.sin(turn) * zoom
    matrix = torch.stack([cosine * mirror, -sine, sine * mirror, cosine], 1).reshape(n, 2, 2)
    return _warp(matrix, move, size)


def _warp(matrix: Tensor, move: Tensor, size: int) -> Warp:
    """Look up the source cells of an affine map about the image's centre, ``source = matrix @ (x, y) + move``."""
    centre = torch.arange(size, dtype=torch.float64) - (size - 1) / 2
    y, x = torch.meshgrid(centre, centre, indexing="ij")
    at = matrix @ torch.stack([x, y]).reshape(2, -1) + move[:, :, None] + size / 2
    cell = torch.floor(at + 1e-9).long()  # quarter turns land on cell centres up to rounding
    inside = ((cell >= 0) & (cell < size)).all(1)
    cell = cell.clamp(0, size - 1)
    return Warp(cell[:, 1] * size + cell[:, 0], inside.reshape(-1, size, size))


def warped(values: Tensor, warp: Warp) -> Tensor:
    """Return images ``(n, ..., h, w)`` or labels ``(n, h, w)`` after the transform, 0 where the source is outside."""
    flat = values.flatten(-2)
    source, inside = warp.source.to(values.device), warp.inside.to(values.device)
    shape = (len(values),) + (1,) * (flat.dim() - 2) + (-1,)
    out = flat.gather(-1, source.reshape(shape).expand(flat.shape)).reshape(values.shape)
    return out * inside.reshape(len(values), *(1,) * (values.dim() - 3), *inside.shape[1:])


def photometric(x: Tensor, random: Generator, *, contrast: float = 0.1, offset: float = 0.1) -> Tensor:
    """Return normalised images with a random gain and offset per image and band, standard deviations of the draw."""
    n, bands = x.shape[:2]
    gain = 1 + contrast * torch.randn(n, bands, 1, 1, generator=random)
    shift = offset * torch.randn(n, bands, 1, 1, generator=random)
    return x * gain.to(x.device) + shift.to(x.device)


def blurred(
    x: Tensor, random: Generator, *, probability: float = 0.5, sigma: tuple[float, float] = (0.1, 2.0)
) -> Tensor:
    """Return images, each with `probability` blurred by a Gaussian whose `sigma`, in cells, is drawn."""
    n, bands = x.shape[:2]
    width = sigma[0] + (sigma[1] - sigma[0]) * torch.rand(n, 1, generator=random)
    width = torch.where(torch.rand(n, 1, generator=random) < probability, width, 1e-3)
    kernel = torch.exp(-0.5 * (torch.arange(-4, 5) / width) ** 2)
    kernel = (kernel / kernel.sum(1, keepdim=True)).to(x.device, x.dtype).repeat_interleave(bands, 0)
    flat = F.pad(x.reshape(1, n * bands, *x.shape[-2:]), (4, 4, 4, 4), mode="reflect")
    flat = F.conv2d(flat, kernel[:, None, :, None], groups=n * bands)
    return F.conv2d(flat, kernel[:, None, None, :], groups=n * bands).reshape(x.shape)


def mixing_mask(n: int, size: int, random: Generator) -> Tensor:
    """Return for each image a random box, ``(n, 1, size, size)`` bool, of 2 to 40 per cent of the area (CutMix)."""
    share = 0.02 + 0.38 * torch.rand(n, generator=random)
    ratio = torch.exp((2 * torch.rand(n, generator=random) - 1) * math.log(2))
    at = torch.arange(size)
    sides = []
    for side in (share.mul(ratio).sqrt(), share.div(ratio).sqrt()):
        length = (side * size).clamp(1, size)
        start = torch.rand(n, generator=random) * (size - length)
        sides.append((at >= start[:, None]) & (at < (start + length)[:, None]))
    return (sides[0][:, :, None] & sides[1][:, None, :])[:, None]
