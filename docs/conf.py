"""Sphinx settings; the reference pages are written by `generate` before every build."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import generate
import soilloss

project = "soilloss"
author = copyright = "The soilloss developers"
version = release = soilloss.__version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.mathjax", "sphinx.ext.napoleon"]
myst_enable_extensions = ["colon_fence", "dollarmath"]
myst_heading_anchors = 3
exclude_patterns = ["_build"]
html_theme = "furo"
html_title = "soilloss"
napoleon_google_docstring = False
autodoc_typehints = "none"

generate.main(Path(__file__).parent / "reference/generated")
