"""What `sl.landcover` shows, with and without its extra."""

import subprocess
import sys

import pytest

import soilloss as sl


def test_smoothing_needs_no_torch():
    """Also where torch is installed it is not loaded for it; what needs it says how to install it."""
    code = """
import sys
sys.modules["torch"] = None
import soilloss as sl
assert callable(sl.landcover.majority_filter) and callable(sl.landcover.hmm_smooth)
from soilloss.workflow.landcover import open_work
try:
    sl.landcover.HRFormer
except sl.MissingExtraError as error:
    assert "pip install 'soilloss[landcover]'" in str(error), error
else:
    raise SystemExit("no error")
"""
    subprocess.run([sys.executable, "-c", code], check=True)


def test_names_are_functions_however_their_modules_were_loaded():
    pytest.importorskip("torch", reason="the extra landcover is not installed")
    import soilloss.landcover.prediction
    import soilloss.landcover.training  # noqa: F401

    for name in ("majority_filter", "hmm_smooth", "HRFormer", "train", "predict"):
        assert callable(getattr(sl.landcover, name)), name
        assert name in dir(sl.landcover)
