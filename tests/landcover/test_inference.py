"""Prediction forms of the network give the logits of the plain one."""

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the landcover extra is not installed")
from torch import nn  # noqa: E402

from soilloss.landcover.inference import folded, predictor  # noqa: E402
from soilloss.landcover.network import HRFormer  # noqa: E402


def lived(head="simple", window=8):
    """A network whose batch statistics are not those of a new one."""
    torch.manual_seed(0)
    model = HRFormer(size="N", head=head, window=window).train()
    with torch.no_grad():
        for _ in range(3):
            model(2 * torch.randn(2, 5, 64, 64) + 1)
    return model.eval()


@pytest.mark.parametrize(("head", "window"), [("simple", 8), ("simple", 7), ("object_contextual", 8)])
def test_folded_network_is_the_same_function_without_batch_norms(head, window):
    model = lived(head, window)
    image = torch.rand(2, 5, 64, 64)
    fast = folded(model)
    with torch.inference_mode():
        torch.testing.assert_close(fast(image), model(image), atol=2e-4, rtol=1e-4)
    assert not any(isinstance(module, nn.BatchNorm2d) for module in fast.modules())
    assert any(isinstance(module, nn.BatchNorm2d) for module in model.modules())


@pytest.mark.parametrize("head", ["simple", "object_contextual"])
def test_onnxruntime_gives_the_same_logits(head):
    model = lived(head)
    predict = predictor(model, tile=64)
    image = np.random.default_rng(0).random((3, 5, 64, 64)).astype("f4")
    image[0, 2, 5:9] = np.nan
    with torch.inference_mode():
        expected = model(torch.from_numpy(image)).numpy()
    np.testing.assert_allclose(predict(image), expected, atol=2e-4, rtol=1e-4)
    np.testing.assert_allclose(predict(image[:1]), expected[:1], atol=2e-4, rtol=1e-4)


def test_the_torch_runtime_of_other_devices():
    model = lived()
    image = np.random.default_rng(0).random((1, 5, 64, 64)).astype("f4")
    found = predictor(model, tile=64, device="cpu:0")(image)
    with torch.inference_mode():
        expected = model(torch.from_numpy(image)).numpy()
    assert found.dtype == np.float32
    assert (found.argmax(1) == expected.argmax(1)).mean() > 0.97  # bfloat16
