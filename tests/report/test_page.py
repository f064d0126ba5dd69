"""The page as a whole."""

from __future__ import annotations

import re
import subprocess
import sys
from html.parser import HTMLParser

import pytest

from gmm_dask.errors import UsageError
from gmm_dask.report import Stage, check_available, render_report

STAGES = [
    Stage("select", "/data/out/model", 327_346, 93.2, "3 components, full, converged"),
    Stage("report", "/data/out/report.html", 0, 0.4, "pictures"),
]
WICKED = ["<script>alert('a')</script>", 'a"b', "x & y", "</style>", "{{ model }}", "onload='x'"]


class Page(HTMLParser):
    """The elements and the text of a page."""

    def __init__(self, html):
        super().__init__()
        self.tags, self.text, self.attributes = [], "", []
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs

    def handle_data(self, data):
        self.text += data


def test_the_page_is_whole(make_model, selection):
    page = Page(
        render_report(make_model(), selection=selection, stages=STAGES, notes=["a note"], title="Flights & more")
    )
    assert page.tags.count("svg") == 3
    assert page.tags.count("table") == 4
    for text in ("Flights & more", "3 segments, chosen by BIC among 8 candidates", "a note", "8,255 (2.5%)",
                 "/data/out/model", "1 min 33 s", "A component shrank onto", "Yeo–Johnson with power 0.32",
                 "source_fingerprint"):  # fmt: skip
        assert text in page.text


def test_the_same_facts_give_the_same_text(make_model, selection):
    pages = {render_report(make_model(), selection=selection, stages=STAGES) for _ in range(2)}
    assert len(pages) == 1
    assert not re.search(r"\b20\d\d-\d\d-\d\d", pages.pop())


def test_nothing_is_loaded_and_nothing_runs(make_model, selection):
    html = render_report(make_model(), selection=selection)
    page = Page(html)
    assert not {"script", "link", "img", "iframe", "object", "base", "form"} & set(page.tags)
    assert not [name for name, _ in page.attributes if name.startswith("on")]
    assert "://" not in html
    assert "@import" not in html
    assert not re.search(r"""(href|src)="(?!#)""", html)


def test_every_name_is_escaped(make_model, selection):
    model = make_model(2, names=WICKED, warnings=[f"column {name!r} is left out" for name in WICKED])
    stages = [Stage(name, name, 1, 1.0, name) for name in WICKED]
    html = render_report(model, selection=selection, stages=stages, notes=WICKED, title=WICKED[0])
    page = Page(html)
    for name in WICKED:
        assert page.text.count(name) >= 5
    assert not [name for name, _ in page.attributes if name.startswith("on")]
    assert "script" not in page.tags
    assert html.count("</style>") == 1


def test_one_segment_has_nothing_to_compare(make_model):
    page = Page(render_report(make_model(1, 2, n_left_out=0)))
    assert "svg" not in page.tags
    assert "1 segment describes 336,776 rows in 2 columns" in page.text
    assert "Segment 0" not in page.text


def test_a_single_candidate_is_no_choice(make_model, selection):
    page = Page(render_report(make_model(), selection=selection[selection["best"]]))
    assert page.tags.count("svg") == 2
    assert "chosen by" not in page.text


def test_many_columns_and_segments(make_model):
    html = render_report(make_model(20, 30))
    assert html.count("</svg>") == 2
    assert html.count(">Segment 19<") == 2


@pytest.mark.parametrize("missing", ["jinja2", "matplotlib"])
def test_a_missing_extra_says_what_to_install(make_model, monkeypatch, missing):
    monkeypatch.setitem(sys.modules, missing, None)
    with pytest.raises(UsageError, match=re.escape("pip install 'gmm-dask[report]'")) as caught:
        check_available()
    assert missing in caught.value.found
    with pytest.raises(UsageError):
        render_report(make_model())


def test_the_package_can_be_imported_without_the_extra():
    code = "import sys; sys.modules |= {'jinja2': None, 'matplotlib': None}; import gmm_dask.report"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)
