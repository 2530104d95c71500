"""Windows, attention and exchange between resolutions."""

import pytest

torch = pytest.importorskip("torch", reason="the landcover extra is not installed")
import torch.nn.functional as F  # noqa: E402
from hypothesis import given, settings  # noqa: E402
from hypothesis import strategies as st  # noqa: E402

from soilloss.landcover.blocks import Block, Exchange, WindowAttention, partition, unpartition  # noqa: E402


@given(st.integers(1, 3), st.integers(1, 4), st.integers(1, 4), st.integers(1, 5), st.integers(1, 4))
@settings(max_examples=30, deadline=None)
def test_unpartition_undoes_partition(n, rows, columns, window, channels):
    x = torch.arange(n * rows * columns * window**2 * channels).reshape(n, rows * window, columns * window, channels)
    windows = partition(x, window)
    assert windows.shape == (n * rows * columns, window**2, channels)
    assert torch.equal(unpartition(windows, window, rows * window, columns * window), x)
    assert torch.equal(windows[0].reshape(window, window, channels), x[0, :window, :window])


@pytest.mark.parametrize(("channels", "heads", "expected"), [(32, 1, 14_729), (256, 8, 805_960)])
def test_parameters_of_a_block(channels, heads, expected):
    """12 C^2 + 71 C + (2 w - 1)^2 h."""
    assert sum(p.numel() for p in Block(channels, heads, 7).parameters()) == expected
    assert 12 * channels**2 + 71 * channels + 13**2 * heads == expected


def by_hand(attention, x):
    """Attention of one window, token by token, from its definition."""
    tokens, channels = x.shape
    w, h = attention.window, attention.heads
    q, k, v = (
        part.reshape(tokens, h, channels // h)
        for part in F.linear(x, attention.qkv.weight, attention.qkv.bias).chunk(3, 1)
    )
    out = torch.zeros_like(v)
    for head in range(h):
        for i in range(tokens):
            scores = []
            for j in range(tokens):
                dy, dx = i // w - j // w, i % w - j % w
                bias = attention.position[(dy + w - 1) * (2 * w - 1) + dx + w - 1, head]
                scores.append(q[i, head] @ k[j, head] * (channels // h) ** -0.5 + bias)
            out[i, head] = torch.stack(scores).softmax(0) @ v[:, head]
    return F.linear(out.reshape(tokens, channels), attention.out.weight, attention.out.bias)


def test_attention_is_what_its_definition_says():
    torch.manual_seed(1)
    attention = WindowAttention(6, 2, 3)
    torch.nn.init.normal_(attention.position)
    x = torch.randn(1, 6, 3, 6)
    with torch.no_grad():
        found = attention(x)
        for row in (0, 3):
            expected = by_hand(attention, x[0, row : row + 3].reshape(9, 6))
            torch.testing.assert_close(found[0, row : row + 3].reshape(9, 6), expected)


def test_padding_changes_nothing_where_windows_fit_and_is_cropped_elsewhere():
    torch.manual_seed(2)
    attention = WindowAttention(4, 2, 8)
    x = torch.randn(1, 16, 24, 4)
    with torch.no_grad():
        whole = attention(x)
        for left in (0, 8, 16):
            torch.testing.assert_close(attention(x[:, :8, left : left + 8]), whole[:, :8, left : left + 8])
        smaller = x[:, :13, :21]
        padded = F.pad(smaller, (0, 0, 1, 2, 1, 2))  # half of the rim on each side, the larger part last
        torch.testing.assert_close(attention(smaller), attention(padded)[:, 1:14, 1:22])


def test_exchange_keeps_shapes_and_mixes_all_branches():
    torch.manual_seed(3)
    exchange = Exchange((4, 8, 16), (1, 2, 4), 2, [0.0, 0.0]).eval()
    maps = [torch.randn(1, 4 * 2**n, 16 >> n, 16 >> n) for n in range(3)]
    found = exchange(maps)
    assert [x.shape for x in found] == [x.shape for x in maps]
    for changed in range(3):
        others = exchange([x + (n == changed) for n, x in enumerate(maps)])
        assert all(not torch.equal(a, b) for a, b in zip(found, others, strict=True))
