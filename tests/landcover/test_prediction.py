"""Prediction with made-up networks: blending, crops, edges, gaps; and with the real one."""

import numpy as np
import pytest
from scipy import ndimage

from soilloss.errors import DataError
from soilloss.landcover import prediction as pr

RNG = np.random.default_rng(2)
USUAL = pr.Tiling(64, 16)
IMAGE = RNG.random((5, 700, 300), np.float32)


def constant(reflectance):
    out = np.zeros((len(reflectance), 3, *reflectance.shape[2:]), np.float32)
    out[:, 1] = 2
    return out


def local(reflectance):
    """A network that sees a neighbourhood: it blurs by shifting and so depends on what else is in its tile."""
    x = np.nan_to_num(reflectance, nan=0.3)
    x = sum(np.roll(x, shift, axis=axis) for shift in (-5, 0, 5) for axis in (2, 3))
    return 4 * x[:, :3] - 4


def strips(image, network, *, tiling=USUAL, first=(0, 0), window=None, workers=2, batch=1):
    run = pr.Runner(network, tiling, 1.0, batch)

    def read(where):
        return image[(slice(None), *where)]

    return list(pr.predict_strips(run, read, image.shape[1:], first=first, window=window, workers=workers))


def whole(parts):
    return np.concatenate([part.probability for _, part in parts], axis=1)


@pytest.mark.parametrize("overlap", [0, 16, 32])
def test_a_constant_network_gives_a_constant_map(overlap):
    parts = strips(IMAGE, constant, tiling=pr.Tiling(64, overlap), first=(-17, 5))
    expected = np.exp([0, 2, 0]) / np.exp([0, 2, 0]).sum()
    np.testing.assert_allclose(whole(parts), np.broadcast_to(expected[:, None, None], (3, 700, 300)), rtol=1e-5)
    assert [cut.start for (cut, _), _ in parts] == [0, 512]
    assert all((part.labels == 2).all() for _, part in parts)


@pytest.mark.parametrize("overlap", [0, 16])
def test_a_part_gets_the_bits_of_the_whole(overlap):
    tiling = pr.Tiling(64, overlap)
    everything = whole(strips(IMAGE, local, tiling=tiling, first=(11, -40)))
    window = (slice(130, 699), slice(77, 201))
    np.testing.assert_array_equal(
        whole(strips(IMAGE, local, tiling=tiling, first=(11, -40), window=window)),
        everything[(slice(None), *window)],
    )


def test_an_image_cut_elsewhere_has_the_same_bits_where_its_tiles_are_whole():
    tiling = pr.Tiling(64, 16)
    everything = whole(strips(IMAGE, local, tiling=tiling))
    part = whole(strips(IMAGE[:, 30:, 20:], local, tiling=tiling, first=(30, 20)))
    np.testing.assert_array_equal(part[:, 64:, 64:], everything[:, 94:, 84:])


def test_threads_and_batches_change_nothing():
    one = whole(strips(IMAGE, local, workers=1))
    np.testing.assert_array_equal(one, whole(strips(IMAGE, local, workers=3)))
    np.testing.assert_array_equal(one, whole(strips(IMAGE, local, batch=4)))


def test_what_is_missing_stays_missing_and_empty_tiles_are_not_computed():
    image = IMAGE.copy()
    image[:, :, 100:] = np.nan
    image[:, 5, 5] = np.nan
    seen = []

    def counted(reflectance):
        seen.append(np.isfinite(reflectance).any())
        return local(reflectance)

    parts = strips(image, counted, workers=1)
    labels = np.concatenate([part.labels for _, part in parts])
    assert (labels == 0).sum() == 700 * 200 + 1
    assert all(seen)
    assert np.isnan(parts[0][1].confidence[5, 5])
    assert np.isnan(parts[0][1].probability[:, 5, 5]).all()
    assert strips(np.full_like(IMAGE, np.nan), local) == []


@pytest.mark.parametrize("shape", [(1, 1), (10, 200), (64, 64), (65, 63), (48, 500)])
def test_images_of_any_size_are_covered(shape):
    image = IMAGE[:, : shape[0], :300][:, :, : shape[1]]
    for first in ((0, 0), (-33, 47), (16, 16)):
        found = whole(strips(image, constant, first=first))
        assert found.shape[1:] == image.shape[1:]
        assert np.isfinite(found).all()


def test_seams_of_a_network_that_disagrees_with_itself_vanish_by_blending():
    def moody(reflectance):
        """Each tile leans to one side, by the mean of its second band."""
        lean = 12 * (reflectance[:, 1:2].mean(axis=(2, 3), keepdims=True) - 0.5)
        height = 8 * (reflectance[:, :1] - 0.5) + lean
        return np.concatenate([height, -height], axis=1)

    heights = ndimage.gaussian_filter(IMAGE, (0, 6, 6))
    heights = (heights - heights.min()) / (heights.max() - heights.min())
    scores = []
    for overlap in (0, 32):
        tiling = pr.Tiling(64, overlap)
        labels = np.concatenate([p.labels for _, p in strips(heights, moody, tiling=tiling)])
        scores.append(pr.seam_score(labels, tiling))
    assert scores[0] > 1.5 * scores[1]
    assert scores[1] < 1.3


def test_entropy_and_confidence():
    found = pr.judged(np.array([[[1.0, 0.5]], [[0.0, 0.5]]], np.float32))
    np.testing.assert_allclose(found.confidence, [[1, 0.5]])
    np.testing.assert_allclose(found.entropy, [[0, 1]], atol=1e-6)


def test_the_score_of_no_borders_is_unknown():
    assert np.isnan(pr.seam_score(np.ones((10, 10), "u1"), pr.Tiling(64, 0), (1, 1)))


@pytest.mark.parametrize(("size", "overlap", "words"), [(100, 0, "multiple of 32"), (64, 40, "expected 0 to 32")])
def test_tilings_that_cannot_be(size, overlap, words):
    with pytest.raises(DataError, match=words):
        pr.checked(size, overlap)


def test_prediction_of_the_network(tmp_path):
    pytest.importorskip("torch", reason="the extra landcover is not installed")
    pytest.importorskip("onnxruntime", reason="the extra landcover is not installed")
    import torch

    from soilloss.landcover import HRFormer, save_model

    torch.manual_seed(0)
    torch.set_num_threads(1)
    model = HRFormer(size="N").eval()
    image = IMAGE[:, :70, :90].copy()
    image[:, 3, 3] = np.nan
    found = pr.predict(model, image, tile=64, overlap=16, temperature=2.0, workers=1)
    assert found.labels.shape == (70, 90)
    assert found.labels[3, 3] == 0
    np.testing.assert_allclose(np.nansum(found.probability, axis=0)[image[0] == image[0]], 1, rtol=1e-5)
    with torch.inference_mode():  # the cells that only the first tile has
        logits = model(torch.from_numpy(image[None, :, :64, :64])) / 2
    expected = logits.softmax(1)[0, :, :48, :48].numpy()
    expected[:, 3, 3] = np.nan
    np.testing.assert_allclose(found.probability[:, :48, :48], expected, atol=2e-5)
    save_model(tmp_path / "m.safetensors", model, {"calibration": {"temperature": 2.0}})
    again = pr.predict(tmp_path / "m.safetensors", image, tile=64, overlap=16, workers=1)
    np.testing.assert_array_equal(again.labels, found.labels)
    with pytest.raises(DataError, match="the bands of the model"):
        pr.predict(model, image[:3], tile=64, overlap=16)
    with pytest.raises(DataError, match="no cell with data"):
        pr.predict(model, np.full_like(image, np.nan), tile=64, overlap=16)


def test_rows_without_data_above_the_first_with_data_are_there():
    image = np.ones((5, 1600, 64), np.float32)
    image[:, :1300] = np.nan
    parts = strips(image, constant)
    assert [cut.start for (cut, _), _ in parts] == [0, 512, 1024, 1536]
    labels = np.concatenate([part.labels for _, part in parts])
    assert (labels[:1300] == 0).all()
    assert (labels[1300:] == 2).all()
