"""Labels and templates: what is asked, and what is refused in plain words."""

from __future__ import annotations

import re
from typing import Any

import pytest

from kblib.errors import LabelError
from kblib.zeroshot.asked import OTHER, TEMPLATE, Asked


def sentences(asked: Asked) -> list[str]:
    return [prompt.sentence for prompt in asked.prompts]


def test_each_label_stands_in_each_template() -> None:
    asked = Asked.of(["väder", "sport"], [TEMPLATE, "Det gäller {}, säger de."], multi=False)
    assert asked.labels == ("väder", "sport")
    assert sentences(asked) == [
        "Detta exempel handlar om väder.",
        "Det gäller väder, säger de.",
        "Detta exempel handlar om sport.",
        "Det gäller sport, säger de.",
    ]


def test_label_may_have_wordings_sentences_and_templates_of_its_own() -> None:
    given = {
        "hov": ["kungen", "kungafamiljen"],
        "sport": "Laget vann matchen.",
        "väder": "Vi talar om {}.",
    }
    asked = Asked.of(given, TEMPLATE, multi=False)
    assert sentences(asked) == [
        "Detta exempel handlar om kungen.",
        "Detta exempel handlar om kungafamiljen.",
        "Laget vann matchen.",
        "Vi talar om väder.",
    ]
    assert [prompt.label for prompt in asked.prompts] == [0, 0, 1, 2]
    assert [prompt.is_whole for prompt in asked.prompts] == [False, False, True, False]


def test_mask_in_a_template_is_a_place_for_the_label() -> None:
    asked = Asked.of(["a", "b"], "Texten handlar om [MASK].", multi=False)
    assert sentences(asked) == ["Texten handlar om a.", "Texten handlar om b."]


def test_others_are_asked_in_the_same_templates() -> None:
    asked = Asked.of({"a": ["x", "En hel mening."]}, ["Om {}.", "Av {}."], multi=True)
    assert [one.sentence for one in asked.others()] == [
        f"Om {OTHER}.",
        f"Av {OTHER}.",
        f"Om {OTHER}.",
    ]


def test_plain_data_asks_the_same() -> None:
    given = {"hov": ["kungen", "hovet"], "sport": "Laget vann."}
    asked = Asked.of(given, ["Om {}.", "Av {}."], multi=False)
    again = Asked.of(**asked.to_dict(), multi=False)
    assert again == asked


@pytest.mark.parametrize(
    ("labels", "template", "multi", "said"),
    [
        (["väder"], TEMPLATE, False, "Of labels there is only 'väder'."),
        ([], TEMPLATE, True, "Of labels there is none."),
        (["väder", "väder"], TEMPLATE, False, "The label 'väder' stands twice."),
        (["väder", "Väder "], TEMPLATE, True, "The label 'Väder ' stands twice (also written "),
        (["väder", " "], TEMPLATE, False, "One label is ' '."),
        (["väder", None], TEMPLATE, False, "One label is None."),
        ("väder, sport", TEMPLATE, False, "The labels are 'väder, sport'."),
        (["a", "b"], "Om väder.", False, "The template is 'Om väder.'."),
        (["a", "b"], "{} och {}", False, "The template is '{} och {}'."),
        (["a", "b"], [], False, "The template is None."),
        ({"a": [], "b": "x"}, TEMPLATE, False, "For the label 'a' there is []."),
        ({"a": "{} {}", "b": "x"}, TEMPLATE, False, "The template is '{} {}'."),
    ],
)
def test_what_cannot_be_asked_is_refused(
    labels: Any, template: Any, multi: bool, said: str
) -> None:
    with pytest.raises(LabelError, match=re.escape(said)):
        Asked.of(labels, template, multi=multi)
    assert Asked.of(["ett"], TEMPLATE, multi=True).labels == ("ett",)
