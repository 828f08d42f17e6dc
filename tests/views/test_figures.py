"""Pictures carry words."""

from __future__ import annotations

import pytest
from matplotlib.figure import Figure

from kbnotebooks._errors import ViewError
from kbnotebooks.figures import Picture, figure


def line() -> Figure:
    fig = Figure(figsize=(2, 1))
    fig.subplots().plot([1, 2])
    return fig


def test_figure_is_an_img_with_its_alt_text(structure):
    picture = figure(line(), alt='A line that "rises" <from 1 to 2>.', caption="One & two.")
    html = picture._repr_html_()
    (image,) = structure(html).all("img")
    assert image["alt"] == 'A line that "rises" <from 1 to 2>.'
    assert image["src"].startswith("data:image/png;base64,")
    assert "<figcaption>One &amp; two.</figcaption>" in html


@pytest.mark.parametrize("alt", ["", "  ", "plot"])
def test_figure_refuses_a_picture_without_words(alt: str):
    with pytest.raises(ViewError, match="alt text"):
        figure(line(), alt=alt)


def test_figure_is_not_shown_a_second_time():
    from matplotlib import pyplot

    fig = pyplot.figure()
    figure(fig, alt="An empty figure, closed after drawing.")
    assert not pyplot.fignum_exists(fig.number)


def test_picture_knows_svg_from_png():
    assert Picture(b"<svg/>", "An empty drawing.").mime == "image/svg+xml"


def test_picture_is_saved_as_it_is(tmp_path):
    path = Picture(b"<svg/>", "An empty drawing.").save(tmp_path / "a.svg")
    assert path.read_bytes() == b"<svg/>"
