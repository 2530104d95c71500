"""The losses of the three stages on small networks."""

import pytest

torch = pytest.importorskip("torch", reason="the landcover extra is not installed")
from torch import nn  # noqa: E402

from soilloss.landcover.network import HRFormer  # noqa: E402
from soilloss.landcover.settings import WIDE, Refinement  # noqa: E402
from soilloss.landcover.stages import Contrast, Refine, Supervise, augmented, certainty, shares  # noqa: E402


def chance(seed=0):
    return torch.Generator().manual_seed(seed)


@pytest.fixture
def model():
    torch.manual_seed(0)
    return HRFormer(size="N")


def labelled(n=2):
    torch.manual_seed(1)
    return torch.randn(n, 5, 64, 64), torch.randint(0, 9, (n, 64, 64), dtype=torch.uint8), torch.ones(n)


def test_contrast_trains_encoder_and_projection_only(model):
    stage = Contrast(model.encoder, cells=2, temperature=0.1)
    loss, logged = stage(torch.randn(6, 5, 64, 64), chance())
    loss.backward()
    assert all(p.grad is not None for p in stage.parameters())
    assert all(p.grad is None for p in model.head.parameters())
    assert 0 < logged["alignment"] < 4


def test_neighbouring_cells_of_one_place_are_no_negatives(model):
    stage = Contrast(model.encoder, cells=4, temperature=0.1)
    apart = stage._apart(torch.empty(2 * 3 * 16, 1))
    one = apart[:48, :48].reshape(3, 16, 3, 16)
    assert one[0, :, 1].all()
    assert one[2, 5, 2].reshape(4, 4).tolist() == [
        [False, False, False, True],
        [False, False, False, True],
        [False, False, False, True],
        [True, True, True, True],
    ]
    assert torch.equal(apart[:48, 48:], apart[:48, :48])
    assert Contrast(model.encoder, cells=1, temperature=0.1)._apart(torch.empty(6, 1)) is None


def test_labels_move_with_their_images():
    image, label, _ = labelled()
    image[:, 0] = label.float() * 1000
    moved, moved_label = augmented(image, label, chance())
    present = moved_label > 0
    order = moved[:, 0][present].div(1000).round() - moved_label[present]
    assert order.abs().max() <= 4  # the gain differs by image, the order does not
    assert torch.corrcoef(torch.stack([moved[0, 0][present[0]], moved_label[0][present[0]].float()]))[0, 1] > 0.999


def test_the_auxiliary_head_counts_two_fifths():
    torch.manual_seed(0)
    model = HRFormer(size="N", head="object_contextual").eval()
    image, label, weight = labelled()
    maps = model.encoder(image)
    whole = Supervise(model).loss(maps, label, weight)
    logits, auxiliary = model.head.with_auxiliary(maps)
    parts = [nn.functional.cross_entropy(x, label.long() - 1, ignore_index=-1) for x in (logits, auxiliary)]
    torch.testing.assert_close(whole, parts[0] + 0.4 * parts[1])


@pytest.mark.parametrize("choices", [Refinement(teacher=0.0), Refinement(), Refinement(classwise=True, cutmix=True)])
def test_refinement_weighs_its_parts(model, choices):
    stage = Refine(Supervise(model), choices._replace(threshold=0.1), torch.full((8,), 0.5))
    loss, logged = stage(*labelled(), torch.randn(3, 5, 64, 64), chance())
    loss.backward()
    assert loss.item() == pytest.approx(
        float(0.5 * logged["supervised"] + 0.25 * logged["image"] + 0.25 * logged["feature"]), rel=1e-5
    )
    assert logged["accepted"] == 1
    assert all(p.grad is not None for p in model.parameters())
    assert stage.teacher is None or all(p.grad is None for p in stage.teacher.parameters())


def test_nothing_accepted_leaves_half_the_supervised_loss(model):
    stage = Refine(Supervise(model), Refinement(threshold=0.9999), torch.full((8,), 0.5))
    loss, logged = stage(*labelled(), torch.randn(2, 5, 64, 64), chance())
    assert logged["accepted"] == 0
    assert loss.item() == pytest.approx(0.5 * float(logged["supervised"]))


class Copy(nn.Module):
    """Its encoder passes the image on, its head multiplies it: the class is what the pixel says."""

    def __init__(self):
        super().__init__()
        self.encoder, self.gain = lambda x: [x], nn.Parameter(torch.tensor(1000.0))

    def head(self, maps):
        return maps[0] * self.gain


def test_pseudo_labels_are_aligned_whatever_the_transform(monkeypatch):
    """A network that copies pays nothing for consistency once colours are left alone, CutMix included."""
    monkeypatch.setattr("soilloss.landcover.augment.photometric", lambda x, random, **_: x)
    monkeypatch.setattr("soilloss.landcover.augment.blurred", lambda x, random: x)
    classes = torch.randint(0, 5, (3, 32, 32))
    image = 10 * nn.functional.one_hot(classes, 5).permute(0, 3, 1, 2).float()
    stage = Refine(Supervise(Copy()), Refinement(dropout=0.0, teacher=0.0, geometry=WIDE), torch.ones(5))
    label = (classes + 1).to(torch.uint8)
    for seed in range(10):
        loss, logged = stage(image, label, torch.ones(3), image.flip(0), chance(seed))
        assert loss.item() == float(logged["image"]) == float(logged["feature"]) == 0
        assert logged["accepted"] == 1


def test_the_teacher_follows_slowly(model):
    stage = Refine(Supervise(model), Refinement(teacher=0.75), torch.ones(8))
    name, weight = next(iter(model.named_parameters()))
    before = weight.detach().clone()
    with torch.no_grad():
        weight += 1
    stage.follow()
    torch.testing.assert_close(stage.teacher.state_dict()[name], before + 0.25)
    Refine(Supervise(model), Refinement(teacher=0.0), torch.ones(8)).follow()


def test_certainty_predicts_and_leaves_the_mode(model):
    model.train()
    image = torch.randn(2, 5, 64, 64)
    statistics = model.encoder.stem[0][1].running_mean.clone()
    highest, pseudo = certainty(model, image)
    assert model.training
    assert torch.equal(statistics, model.encoder.stem[0][1].running_mean)
    assert highest.min() >= 1 / 8
    assert pseudo.shape == (2, 64, 64)


def test_accepted_shares_by_class():
    pseudo = torch.tensor([[[0, 0, 1, 1]]])
    accepted = torch.tensor([[[True, False, True, True]]])
    found = shares(pseudo, accepted, 3)
    assert [float(found[name]) for name in ("accepted", "accepted_1", "accepted_2")] == [0.75, 0.5, 1.0]
    assert found["accepted_3"].isnan()


def test_nobody_is_sure_of_a_missing_cell(model):
    image = torch.randn(1, 5, 32, 32)
    image[..., :8] = 0
    highest, _ = certainty(model, image)
    assert (highest[..., :8] == 0).all()
    assert (highest[..., 8:] > 0).all()
