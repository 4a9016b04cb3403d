"""Sphinx's settings: the course and the reference, in English and (by catalogues) in Korean."""

import sys
from pathlib import Path

from docutils.nodes import SkipNode
from docutils.utils.math.latex2mathml import tex2mathml
from sphinx.application import Sphinx

from sangja import __version__

sys.path.insert(0, str(Path(__file__).parent))
from docstrings import process_docstring

project = "sangja"
author = "the sangja authors"
copyright = "the sangja authors, MIT"
release = version = __version__

extensions = ["myst_nb", "sphinx.ext.autodoc"]
html_math_renderer = "mathml"
templates_path = ["_templates"]
exclude_patterns = ["_build", "decisions"]

# Every cell of the course runs when the pages are built; one that fails stops the build.
nb_execution_mode = "force"  # a cache would not see that sangja has changed
nb_execution_raise_on_error = True
nb_execution_timeout = 120
nb_merge_streams = True
myst_enable_extensions = ["dollarmath"]

autodoc_member_order = "alphabetical"
autodoc_typehints = "none"  # the docstrings say it in the language of arrays

# The Korean: after a change of a page
#     sphinx-build -b gettext -D nb_execution_mode=off docs docs/_build/gettext
#     sphinx-intl update -p docs/_build/gettext -d docs/locale -l ko
# then translate what is empty or fuzzy; tests/test_path.py says what is missing.
language = "en"
locale_dirs = ["locale"]
gettext_compact = False
gettext_location = False  # where a sentence stands changes more often than what it says
gettext_uuid = False
gettext_last_translator = gettext_language_team = ""

html_theme = "furo"
html_title = "sangja 상자"
html_static_path = ["_static"]
html_css_files = ["course.css"]
html_copy_source = False
html_show_sphinx = False
html_sidebars = {
    "**": [
        "sidebar/brand.html",
        "sidebar/language.html",
        "sidebar/search.html",
        "sidebar/scroll-start.html",
        "sidebar/navigation.html",
        "sidebar/scroll-end.html",
    ]
}


def write_math(self, node) -> None:
    """A formula as MathML, made when the page is built: nothing is loaded from elsewhere."""
    block = node.tagname == "math_block"
    formula = tex2mathml(node.astext(), as_block=block)
    self.body.append(f'<div class="math">{formula}</div>' if block else formula)
    raise SkipNode


def setup(app: Sphinx) -> None:
    """Called by Sphinx."""
    app.connect("autodoc-process-docstring", process_docstring)
    app.add_html_math_renderer("mathml", (write_math, None), (write_math, None))
