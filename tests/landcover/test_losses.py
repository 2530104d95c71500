"""Losses against loops over their definitions."""

import math

import pytest

torch = pytest.importorskip("torch", reason="the landcover extra is not installed")

from soilloss.landcover.losses import consistency, info_nce, supervised, thresholds  # noqa: E402


def naive(embeddings, temperature, apart=None):
    """Anchor by anchor, pair by pair, from the formula."""
    n = len(embeddings)
    cosine = [[float(a @ b / (a.norm() * b.norm())) for b in embeddings.double()] for a in embeddings.double()]
    total = 0.0
    for i in range(n):
        partner = (i + n // 2) % n
        others = [j for j in range(n) if j != i and (apart is None or apart[i, j] or j == partner)]
        below = sum(math.exp(cosine[i][j] / temperature) for j in others)
        total -= math.log(math.exp(cosine[i][partner] / temperature) / below)
    return total / n


@pytest.mark.parametrize("temperature", [0.05, 0.1, 1.0])
def test_contrast_equals_a_double_loop(temperature):
    torch.manual_seed(0)
    embeddings = torch.randn(12, 5)
    assert float(info_nce(embeddings, temperature=temperature)) == pytest.approx(
        naive(embeddings, temperature), rel=1e-5
    )
    apart = torch.rand(12, 12) > 0.3
    found = float(info_nce(embeddings, temperature=temperature, apart=apart))
    assert found == pytest.approx(naive(embeddings, temperature, apart), rel=1e-5)


def test_contrast_is_finite_at_a_hundredth():
    torch.manual_seed(0)
    embeddings = torch.randn(64, 8, requires_grad=True)
    loss = info_nce(embeddings, temperature=0.01)
    loss.backward()
    assert torch.isfinite(loss)
    assert torch.isfinite(embeddings.grad).all()


def test_contrast_of_random_places_is_the_logarithm_of_their_number():
    same = torch.ones(20, 3)
    assert float(info_nce(same)) == pytest.approx(math.log(19), abs=1e-5)


def test_cross_entropy_leaves_cells_without_label_out():
    logits = torch.log(torch.tensor([0.7, 0.2, 0.1])).reshape(1, 3, 1, 1).expand(2, 3, 1, 2)
    label = torch.tensor([[[1, 0]], [[2, 3]]], dtype=torch.uint8)
    each = [-math.log(p) for p in (0.7, 0.2, 0.1)]
    assert float(supervised(logits, label)) == pytest.approx(sum(each) / 3)
    weighted = (each[0] + 0.5 * each[1] + 0.5 * each[2]) / 2
    assert float(supervised(logits, label, weight=torch.tensor([1.0, 0.5]))) == pytest.approx(weighted)
    heavy = torch.tensor([1.0, 3.0, 0.0])
    assert float(supervised(logits, label, class_weight=heavy)) == pytest.approx((each[0] + 3 * each[1]) / 3)
    assert float(supervised(logits, torch.zeros(2, 1, 2, dtype=torch.uint8))) == 0


def test_label_smoothing_spreads_a_share():
    logits = torch.log(torch.tensor([0.7, 0.2, 0.1])).reshape(1, 3, 1, 1)
    expected = -0.9 * math.log(0.7) - 0.1 / 3 * sum(math.log(p) for p in (0.7, 0.2, 0.1))
    assert float(supervised(logits, torch.ones(1, 1, 1), smoothing=0.1)) == pytest.approx(expected)


def test_consistency_is_divided_by_all_cells():
    logits = torch.log(torch.tensor([0.75, 0.25])).reshape(1, 2, 1, 1).expand(1, 2, 1, 4)
    pseudo = torch.tensor([[[0, 1, 0, 1]]])
    accepted = torch.tensor([[[True, True, False, False]]])
    assert float(consistency(logits, pseudo, accepted)) == pytest.approx((-math.log(0.75) - math.log(0.25)) / 4)
    assert float(consistency(logits, pseudo, torch.zeros_like(accepted))) == 0


def test_the_surest_class_needs_the_whole_threshold():
    found = thresholds(torch.tensor([0.95, 0.475, 0.19]), 0.8)
    assert found.tolist() == pytest.approx([0.8, 0.4, 0.16])
