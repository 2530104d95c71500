# pyright: reportMissingImports=false
"""The three stages as modules whose forward pass is the loss of one batch."""

from __future__ import annotations

import copy

import torch
import torch.nn.functional as F
from torch import Generator, Tensor, nn

from soilloss.landcover import augment, losses
from soilloss.landcover.heads import AUXILIARY_WEIGHT, ObjectContextualHead
from soilloss.landcover.network import Encoder, HRFormer
from soilloss.landcover.settings import Geometry, Refinement
from soilloss.landcover.together import gathered

Logged = dict[str, Tensor]
EMBEDDING = 128
MEMORY = 0.99  # of the running confidence of each class


class Contrast(nn.Module):
    """Stage 1: the same place at two times is alike, other places are not; only a projection is made invariant."""

    def __init__(self, encoder: Encoder, *, cells: int, temperature: float) -> None:
        super().__init__()
        width = sum(encoder.channels)
        self.encoder, self.cells, self.temperature = encoder, cells, temperature
        self.project = nn.Sequential(nn.Linear(width, width), nn.ReLU(), nn.Linear(width, EMBEDDING))

    def forward(self, pairs: Tensor, random: Generator) -> tuple[Tensor, Logged]:
        """Return the loss of normalised images ``(2 k, bands, h, w)``: k places, then the same at another time."""
        warp = augment.random_warp(len(pairs) // 2, pairs.shape[-1], augment.FLIPS, random)
        both = augment.Warp(warp.source.repeat(2, 1), warp.inside.repeat(2, 1, 1))
        maps = self.encoder(augment.photometric(augment.warped(pairs, both), random))
        pooled = torch.cat([F.adaptive_avg_pool2d(x, self.cells) for x in maps], 1)
        embeddings = gathered(self.project(pooled.flatten(2).transpose(1, 2).reshape(-1, pooled.shape[1])))
        loss = losses.info_nce(embeddings, temperature=self.temperature, apart=self._apart(embeddings))
        first, second = F.normalize(embeddings.float(), dim=1).chunk(2)
        return loss, {"alignment": (first - second).square().sum(1).mean().detach()}

    def _apart(self, embeddings: Tensor) -> Tensor | None:
        """Cells of one place that touch are no negatives of each other."""
        if self.cells == 1:
            return None
        index = torch.arange(len(embeddings) // 2, device=embeddings.device)
        place, cell = index // self.cells**2, index % self.cells**2
        row, column = cell // self.cells, cell % self.cells
        far = ((row[:, None] - row).abs() > 1) | ((column[:, None] - column).abs() > 1)
        return ((place[:, None] != place) | far).repeat(2, 2)


class Supervise(nn.Module):
    """Stage 2: cross-entropy with the labels of one year."""

    def __init__(self, model: HRFormer, *, smoothing: float = 0.0, class_weight: Tensor | None = None) -> None:
        super().__init__()
        self.model, self.smoothing = model, smoothing
        self.register_buffer("class_weight", class_weight, persistent=False)

    def forward(self, image: Tensor, label: Tensor, weight: Tensor, random: Generator) -> tuple[Tensor, Logged]:
        """Return the loss of normalised images ``(n, bands, h, w)`` with labels ``(n, h, w)``."""
        image, label = augmented(image, label, random)
        return self.loss(self.model.encoder(image), label, weight), {}

    def loss(self, maps: list[Tensor], label: Tensor, weight: Tensor) -> Tensor:
        """Return the cross-entropy of the head on the encoder's maps, auxiliary head included."""
        options = {"weight": weight, "smoothing": self.smoothing, "class_weight": self.class_weight}
        if not isinstance(self.model.head, ObjectContextualHead):
            return losses.supervised(self.model.head(maps), label, **options)
        logits, auxiliary = self.model.head.with_auxiliary(maps)
        return losses.supervised(logits, label, **options) + AUXILIARY_WEIGHT * losses.supervised(
            auxiliary, label, **options
        )


class Refine(nn.Module):
    """Stage 3: labels as in stage 2, and on unlabelled images agreement with a teacher under perturbations."""

    confidence: Tensor

    def __init__(self, supervise: Supervise, choices: Refinement, confidence: Tensor) -> None:
        super().__init__()
        self.supervise, self.choices = supervise, choices
        self.teacher = copy.deepcopy(supervise.model).requires_grad_(False) if choices.teacher else None
        self.register_buffer("confidence", confidence.clone())

    def forward(
        self, image: Tensor, label: Tensor, weight: Tensor, unlabelled: Tensor, random: Generator
    ) -> tuple[Tensor, Logged]:
        """Return half the supervised loss and a quarter each of the consistency of images and of features."""
        model, count = self.supervise.model, len(image)
        pseudo, accepted = self._teach(unlabelled)
        image, label = augmented(image, label, random)
        other, other_pseudo, other_accepted = self._perturbed(unlabelled, pseudo, accepted, random)
        # one pass, so that batch statistics are those of all three
        maps = model.encoder(torch.cat([image, other, unlabelled]))
        dropped = [F.dropout2d(x[count + len(other) :], self.choices.dropout) for x in maps]
        logits = model.head([torch.cat([x[count : count + len(other)], y]) for x, y in zip(maps, dropped, strict=True)])
        of_image, of_feature = logits.split([len(other), len(unlabelled)])
        supervised = self.supervise.loss([x[:count] for x in maps], label, weight)
        image_loss = losses.consistency(of_image, other_pseudo, other_accepted)
        feature_loss = losses.consistency(of_feature, pseudo, accepted)
        loss = 0.5 * supervised + 0.25 * image_loss + 0.25 * feature_loss
        return loss, {
            "supervised": supervised.detach(),
            "image": image_loss.detach(),
            "feature": feature_loss.detach(),
            **shares(pseudo, accepted, len(self.confidence)),
        }

    def _teach(self, unlabelled: Tensor) -> tuple[Tensor, Tensor]:
        teacher = self.supervise.model if self.teacher is None else self.teacher
        highest, pseudo = certainty(teacher, unlabelled)
        if self.training:
            self.confidence.copy_(_running(self.confidence, highest, pseudo))
        return pseudo, self._accepted(highest, pseudo)

    def _accepted(self, highest: Tensor, pseudo: Tensor) -> Tensor:
        if not self.choices.classwise:
            return highest >= self.choices.threshold
        return highest >= losses.thresholds(self.confidence, self.choices.threshold)[pseudo]

    def _perturbed(
        self, image: Tensor, pseudo: Tensor, accepted: Tensor, random: Generator
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Return the images mixed, moved, recoloured and blurred, with pseudo-labels that went the same way."""
        size = image.shape[-1]
        if self.choices.cutmix:
            box = augment.mixing_mask(len(image), size, random).to(image.device)
            image = torch.where(box, image.roll(1, 0), image)
            pseudo = torch.where(box[:, 0], pseudo.roll(1, 0), pseudo)
            accepted = torch.where(box[:, 0], accepted.roll(1, 0), accepted)
        warp = augment.random_warp(len(image), size, Geometry(*self.choices.geometry), random)
        moved = augment.photometric(augment.warped(image, warp), random, contrast=0.25, offset=0.15)
        return augment.blurred(moved, random), augment.warped(pseudo, warp), augment.warped(accepted, warp)

    @torch.no_grad()
    def follow(self) -> None:
        """Let the teacher follow the student by one step."""
        if self.teacher is None:
            return
        student = self.supervise.model.state_dict()
        for name, value in self.teacher.state_dict().items():
            if value.is_floating_point():
                value.lerp_(student[name], 1 - self.choices.teacher)
            else:
                value.copy_(student[name])


def augmented(image: Tensor, label: Tensor, random: Generator) -> tuple[Tensor, Tensor]:
    """Return labelled images turned, mirrored, enlarged or shrunk and recoloured; 0 in labels where nothing is left."""
    warp = augment.random_warp(len(image), image.shape[-1], augment.LABELLED, random)
    return augment.photometric(augment.warped(image, warp), random), augment.warped(label, warp)


@torch.no_grad()
def certainty(model: HRFormer, image: Tensor) -> tuple[Tensor, Tensor]:
    """Return the largest probability of each cell of normalised images, and its channel, as predicted.

    The probability is 0 where the image is missing (0, the mean, in all bands): nobody can be sure of a cloud's class.
    """
    training = model.training
    model.eval()
    highest, pseudo = model.head(model.encoder(image)).float().softmax(1).max(1)
    model.train(training)
    return highest * image.ne(0).any(1), pseudo


def shares(pseudo: Tensor, accepted: Tensor, classes: int) -> Logged:
    """Return the accepted share of all cells, and of each class among the cells that are given it."""
    of_class = torch.zeros(2, classes, device=pseudo.device)
    for row, weight in enumerate((accepted.float(), torch.ones_like(pseudo, dtype=torch.float32))):
        of_class[row].index_add_(0, pseudo.flatten(), weight.flatten())
    found = {f"accepted_{n + 1}": of_class[0, n] / of_class[1, n] for n in range(classes)}
    return {"accepted": accepted.float().mean(), **found}


def _running(confidence: Tensor, highest: Tensor, pseudo: Tensor) -> Tensor:
    """Return the running mean of the largest probability by class, a class without cells as it was."""
    total = torch.zeros(2, len(confidence), device=highest.device)
    total[0].index_add_(0, pseudo.flatten(), highest.flatten())
    total[1].index_add_(0, pseudo.flatten(), (highest > 0).to(highest.dtype).flatten())
    now = torch.where(total[1] > 0, total[0] / total[1].clamp(min=1), confidence)
    return torch.lerp(now, confidence, MEMORY)
