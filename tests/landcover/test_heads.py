"""The heads against the same computed in the plain order."""

import pytest

torch = pytest.importorskip("torch", reason="the landcover extra is not installed")
import torch.nn.functional as F  # noqa: E402

from soilloss.landcover.heads import ObjectContextualHead, SimpleHead  # noqa: E402

CHANNELS = (4, 8, 16, 32)


def maps():
    torch.manual_seed(0)
    return [torch.randn(2, c, 16 >> n, 24 >> n) for n, c in enumerate(CHANNELS)]


@pytest.mark.parametrize("training", [True, False])
def test_mixing_before_enlarging_gives_the_same_as_after(training):
    head = SimpleHead(CHANNELS, 8).train(training)
    given = maps()
    side_by_side = torch.cat([F.interpolate(x, size=(16, 24), mode="bilinear") for x in given], 1)
    logits = head.classify(F.relu(head.norm(head.mix(side_by_side))))
    expected = F.interpolate(logits, scale_factor=4, mode="bilinear")
    torch.testing.assert_close(head(given), expected, atol=1e-5, rtol=1e-5)


def test_object_context_is_a_weighted_mean_of_objects():
    head = ObjectContextualHead(CHANNELS, 8, width=16, key=8).eval()
    logits, auxiliary = head.with_auxiliary(maps())
    assert logits.shape == auxiliary.shape == (2, 8, 64, 96)
    regions, pixels = torch.randn(1, 8, 4, 4), torch.rand(1, 16, 4, 4)
    # where all pixels are the same, so are all objects, and the context does not depend on the regions
    flat = torch.ones_like(pixels)
    torch.testing.assert_close(head._attend(regions, flat), head._attend(-regions, flat))
    assert not torch.allclose(head._attend(regions, pixels), head._attend(-regions, pixels))
