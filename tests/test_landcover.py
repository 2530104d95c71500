"""The package's door: parts load when touched, and say what is missing."""

import builtins
import sys

import pytest

import soilloss
from soilloss import MissingExtraError, landcover


def test_what_needs_no_torch_loads_without_it():
    assert landcover is soilloss.landcover
    assert {"HRFormer", "train", "load_model"} <= set(dir(landcover))
    with pytest.raises(AttributeError, match="no attribute 'unet'"):
        landcover.unet  # noqa: B018


def test_the_missing_extra_is_named(monkeypatch):
    imported = builtins.__import__

    def without_torch(name, *args, **kwargs):
        if name.split(".")[0] == "torch":
            raise ModuleNotFoundError("No module named 'torch'", name="torch")
        return imported(name, *args, **kwargs)

    for name in [name for name in sys.modules if name.startswith("soilloss.landcover.")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(builtins, "__import__", without_torch)
    with pytest.raises(MissingExtraError, match=r"needs torch: pip install 'soilloss\[landcover\]'"):
        landcover.HRFormer  # noqa: B018
