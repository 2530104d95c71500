"""Perturbations: labels follow images exactly, cell by cell."""

import pytest

torch = pytest.importorskip("torch", reason="the landcover extra is not installed")
import torch.nn.functional as F  # noqa: E402

from soilloss.landcover import augment  # noqa: E402
from soilloss.landcover.losses import consistency  # noqa: E402
from soilloss.landcover.settings import WIDE, Geometry  # noqa: E402


def drawn(geometry, seed, n=6, size=32):
    return augment.random_warp(n, size, geometry, torch.Generator().manual_seed(seed))


GEOMETRIES = [
    augment.FLIPS,
    augment.LABELLED,
    WIDE,
    Geometry(angle=45, shift=0.5, zoom=(0.2, 2)),
]


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("geometry", GEOMETRIES, ids=["flips", "labelled", "unlabelled", "wild"])
def test_pseudo_labels_of_a_network_that_copies_agree_everywhere_inside(geometry, seed):
    """A network that reads the class off the image: whatever the transform, consistency costs nothing."""
    torch.manual_seed(seed)
    classes = torch.randint(0, 8, (6, 32, 32))
    image = 100 * F.one_hot(classes, 8).permute(0, 3, 1, 2).float()
    warp = drawn(geometry, seed)
    loss = consistency(augment.warped(image, warp), augment.warped(classes, warp), warp.inside)
    assert float(loss) == 0
    assert (augment.warped(classes, warp)[~warp.inside] == 0).all()


def test_flips_and_quarter_turns_keep_every_cell():
    image = torch.arange(6 * 32 * 32).reshape(6, 1, 32, 32)
    for seed in range(4):
        warp = drawn(augment.FLIPS, seed)
        found = augment.warped(image, warp)
        assert warp.inside.all()
        turns = [k for one in (image, image.flip(-1)) for k in (one.rot90(n, (-2, -1)) for n in range(4))]
        for n in range(6):
            assert any(torch.equal(found[n], turned[n]) for turned in turns)


def test_all_eight_positions_are_drawn():
    first = {tuple(drawn(augment.FLIPS, 0, 200).source[n, :2].tolist()) for n in range(200)}
    assert len(first) == 8


def test_crops_stay_inside_and_shrunk_images_have_a_rim():
    assert drawn(Geometry(zoom=(0.5, 1)), 1, 50).inside.all()
    shrunk = drawn(Geometry(zoom=(2, 2)), 1, 4).inside
    assert shrunk.float().mean() == pytest.approx(0.25)
    assert not shrunk[:, 0].any()


def test_recolouring_is_linear_by_band_and_the_same_for_the_same_seed():
    image = torch.rand(2, 5, 16, 16)
    found = augment.photometric(image, torch.Generator().manual_seed(3))
    gain = (found[:, :, 0, 0] - found[:, :, 1, 1]) / (image[:, :, 0, 0] - image[:, :, 1, 1])
    rebuilt = gain[..., None, None] * (image - image[:, :, :1, :1]) + found[:, :, :1, :1]
    torch.testing.assert_close(found, rebuilt, atol=1e-4, rtol=1e-4)
    assert torch.equal(found, augment.photometric(image, torch.Generator().manual_seed(3)))


def test_blur_keeps_the_mean_and_only_some_images():
    torch.manual_seed(0)
    image = torch.rand(40, 3, 16, 16)
    found = augment.blurred(image, torch.Generator().manual_seed(1))
    flat = torch.full((3, 2, 16, 16), 0.3)
    torch.testing.assert_close(augment.blurred(flat, torch.Generator().manual_seed(1)), flat)
    same = [torch.allclose(a, b, atol=1e-5) for a, b in zip(found, image, strict=True)]
    assert 10 < sum(same) < 35
    assert found.std() < image.std()


def test_mixing_boxes_have_the_promised_size():
    share = augment.mixing_mask(300, 64, torch.Generator().manual_seed(0)).float().mean((1, 2, 3))
    assert share.min() >= 0.01
    assert share.max() <= 0.45
    assert 0.1 < share.mean() < 0.3
