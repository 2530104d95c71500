"""Sphinx settings; the reference pages are written by `generate` before every build."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import generate
from docutils import nodes
from sphinx.util import logging

import soilloss
from soilloss.publish.mathml import formula

project = "soilloss"
author = copyright = "The soilloss developers"
version = release = soilloss.__version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
myst_enable_extensions = ["colon_fence", "dollarmath"]
myst_heading_anchors = 3
exclude_patterns = ["_build"]
html_theme = "furo"
html_title = "soilloss"
html_static_path = ["_static"]
html_css_files = ["math.css"]
html_math_renderer = "mathml"
napoleon_google_docstring = False
autodoc_typehints = "none"

generate.main(Path(__file__).parent / "reference/generated")


def as_mathml(translator, node):
    """Print an equation as the report does: readable without network, and a warning where a command is not known."""
    text = formula(node.astext())
    if text.startswith("<code>"):
        logging.getLogger(__name__).warning("no MathML for %s", node.astext(), location=node)
    if isinstance(node, nodes.math):
        text = text.replace(' display="block"', "")
    translator.body.append(text)
    raise nodes.SkipNode


def setup(app):
    """Enter the equation printer."""
    app.add_html_math_renderer("mathml", (as_mathml, None), (as_mathml, None))
