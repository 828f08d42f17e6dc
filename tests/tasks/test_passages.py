"""Passages and windows of cues, compared with what is joined by hand."""

from __future__ import annotations

import polars as pl

from kblib.tasks.passages import bare_words, joined_ranges, passages, plain, windows

SAID = (
    ("R1/speech/1", "Kungen reser.", 0.0),
    ("R1/speech/2", "Han vinkar, och alla ser det.", 3.0),
    ("R1/speech/4", "Sport.", 30.0),
    ("R2/speech/1", "Laget vann i går igen.", 32.0),
)
CUES = pl.DataFrame(
    [
        {"id": name, "text": text, "title": name[:2], "medium": "speech", "start_s": start}
        | {"end_s": start + 2.0, "film": f"F{name[1]}"}
        for name, text, start in SAID
    ]
)


def test_passage_ends_with_words_enough_a_long_silence_or_the_reel():
    found = passages(CUES, enough=100, least=1, gap_s=8.0)
    assert [(one["id"], one["text"]) for one in found] == [
        ("R1/speech/1-2", "Kungen reser. Han vinkar, och alla ser det."),
        ("R1/speech/4-4", "Sport."),
        ("R2/speech/1-1", "Laget vann i går igen."),
    ]
    assert [one["id"] for one in passages(CUES, enough=2, least=5, gap_s=8.0)] == [
        "R1/speech/2-2",
        "R2/speech/1-1",
    ]
    assert found[0]["film"] == "F1"


def test_passage_is_found_again_by_its_name():
    for one in passages(CUES, enough=5, least=1, gap_s=8.0):
        assert joined_ranges(CUES, [one["id"]]) == {one["id"]: one}
    assert joined_ranges(CUES, ["R9/speech/1-2"]) == {}


def test_windows_have_equally_many_words_and_no_marks():
    found = windows(CUES, words=3)
    assert [one["text"] for one in found] == [
        "kungen reser han",
        "vinkar och alla",
        "ser det sport",
        "laget vann i",
    ]
    assert [one["id"] for one in found] == [
        "R1/speech/1:0",
        "R1/speech/2:1",
        "R1/speech/2:4",
        "R2/speech/1:0",
    ]


def test_lines_of_a_card_are_joined_and_divided_words_put_together():
    assert (
        plain("KONUNG GUSTAF\t\thar varit före-\tmål för") == "KONUNG GUSTAF har varit föremål för"
    )
    assert plain("Bok- och\tbladfilm -\tnu") == "Bok- och bladfilm - nu"
    assert bare_words("Å, 25-årsdag!") == ["å", "25", "årsdag"]
