"""Sphinx's settings: the course and the reference, in English and (by catalogues) in Korean."""

from sangja import __version__

project = "sangja"
author = "the sangja authors"
copyright = "the sangja authors, MIT"
release = version = __version__

extensions = ["myst_nb", "sphinx.ext.mathjax"]
templates_path = ["_templates"]
exclude_patterns = ["_build", "decisions"]

# Every cell of the course runs when the pages are built; one that fails stops the build. The
# second language takes the results of the first.
nb_execution_mode = "cache"
nb_execution_raise_on_error = True
nb_execution_timeout = 120
nb_merge_streams = True
myst_enable_extensions = ["dollarmath"]

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
