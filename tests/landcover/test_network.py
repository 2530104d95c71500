"""Parameter counts and shapes of HRFormer; the published numbers are those of Yuan et al. (2021)."""

import itertools

import pytest

torch = pytest.importorskip("torch", reason="the landcover extra is not installed")
from torch import nn  # noqa: E402

from soilloss.errors import DataError  # noqa: E402
from soilloss.landcover.blocks import Bottleneck, convolution  # noqa: E402
from soilloss.landcover.network import CLIP, SIZES, Encoder, HRFormer, set_moments  # noqa: E402


def count(module):
    return sum(p.numel() for p in module.parameters())


class Published(nn.Module):
    """The classification network whose parameters the paper counts: 1000 classes, images of three bands."""

    def __init__(self, size):
        super().__init__()
        widths = (32, 64, 128, 256)
        self.encoder = Encoder(SIZES[size], 3, 7)
        self.widen = nn.ModuleList(
            Bottleneck(c, w, depthwise=True) for c, w in zip(SIZES[size].channels, widths, strict=True)
        )
        self.down = nn.ModuleList(
            nn.Sequential(
                convolution(4 * a, 4 * a, 3, stride=2, groups=4 * a, relu=False, bias=True),
                convolution(4 * a, 4 * b, bias=True),
            )
            for a, b in itertools.pairwise(widths)
        )
        self.last = nn.Sequential(convolution(1024, 2048, bias=True), nn.AdaptiveAvgPool2d(1), nn.Flatten())
        self.classify = nn.Linear(2048, 1000)

    def forward(self, image):
        maps = [widen(x) for widen, x in zip(self.widen, self.encoder(image), strict=True)]
        x = maps[0]
        for down, finer in zip(self.down, maps[1:], strict=True):
            x = finer + down(x)
        return self.classify(self.last(x))


@pytest.mark.parametrize(
    ("size", "whole", "printed"), [("T", 8_035_820, 8.0), ("S", 13_544_882, 13.5), ("B", 50_320_098, 50.3)]
)
def test_the_published_network_has_the_published_parameters(size, whole, printed):
    found = count(Published(size))
    assert found == whole
    assert round(found / 1e6, 1) == printed


@pytest.mark.parametrize(
    ("size", "encoder", "whole"),
    [("T", 2_573_540, 2_649_418), ("S", 7_892_202, 8_127_890), ("B", 44_041_818, 45_423_596)],
)
def test_five_bands_and_eight_classes(size, encoder, whole):
    model = HRFormer(size=size, window=7)
    assert (count(model.encoder), count(model)) == (encoder, whole)


def test_the_wider_window_costs_only_position_biases():
    exchanges = zip((2, 3, 4), SIZES["S"].exchanges, strict=True)
    heads = 2 * sum(times * sum(SIZES["S"].heads[:branches]) for branches, times in exchanges)
    assert count(HRFormer(window=8)) - count(HRFormer(window=7)) == (15**2 - 13**2) * heads


def test_multiply_adds_at_224():
    """1.592 billion in convolutions, linear layers and attention, counted from the published layout."""
    from torch.utils.flop_counter import FlopCounterMode

    with torch.inference_mode(), FlopCounterMode(display=False) as counter:
        Published("T").eval()(torch.zeros(1, 3, 224, 224))
    assert counter.get_total_flops() / 2e9 == pytest.approx(1.592, abs=0.001)


@pytest.mark.parametrize("head", ["simple", "object_contextual"])
@pytest.mark.parametrize("window", [7, 8])
def test_shapes(head, window):
    model = HRFormer(size="N", window=window, head=head).eval()
    with torch.inference_mode():
        image = torch.rand(2, 5, 64, 96)
        assert model(image).shape == (2, 8, 64, 96)
        assert [x.shape[1:] for x in model.features(image)] == [(12, 16, 24), (24, 8, 12), (48, 4, 6), (96, 2, 3)]


def test_missing_values_are_the_mean_and_outliers_are_cut():
    model = HRFormer(size="N")
    set_moments(model, [[0.1] * 5, [0.05] * 5])
    image = torch.full((1, 5, 32, 32), 0.15)
    image[0, 0, 0, :3] = torch.tensor([float("nan"), 9.0, -9.0])
    found = model.normalised(image)
    assert found[0, 0, 0, :3].tolist() == [0, CLIP, -CLIP]
    assert found[0, 1].unique().item() == pytest.approx(1.0)


def test_wrong_choices_are_sentences():
    with pytest.raises(DataError, match="no size 'XL'"):
        HRFormer(size="XL")
    with pytest.raises(DataError, match="no head 'simpel'; did you mean 'simple'"):
        HRFormer(head="simpel")
    with pytest.raises(DataError, match="positive deviations; compute them"):
        set_moments(HRFormer(size="N"), [[0.1] * 5, [0.0] * 5])


def test_gradients_reach_every_weight():
    model = HRFormer(size="N", head="object_contextual")
    logits, auxiliary = model.head.with_auxiliary(model.features(torch.randn(2, 5, 64, 64)))
    (logits.square().mean() + auxiliary.square().mean()).backward()
    assert all(p.grad is not None and torch.isfinite(p.grad).all() for p in model.parameters())


def test_stochastic_depth_is_for_training_only():
    torch.manual_seed(0)
    block = HRFormer(size="B").encoder.stages[2][-1].branches[0][1]
    x = torch.randn(1, 78, 8, 8)
    assert block.depth_rate == pytest.approx(0.2)
    assert len({block(x).sum().item() for _ in range(20)}) > 1
    block.eval()
    assert len({block(x).sum().item() for _ in range(3)}) == 1
