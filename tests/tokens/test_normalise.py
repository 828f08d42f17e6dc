from __future__ import annotations

import unicodedata

import pytest

from kblib.errors import TokenError
from kblib.tokens.normalise import DEFAULT_STEPS, STEPS, engine_normaliser, normalise

NASTY = (
    "",
    " ",
    "  Kungliga\t\r\n biblioteket \u2003",
    "biblio\u00adteket och A\u030angstro\u0308m",
    "\ufeffBörjar med ett märke\u200b",
    "ſlutet på ﬁlmen, ½ krona, Å",
    "rad\u2028rad\u0085rad\x0brad\x1frad\x00rad",
    "ÅÄÖ İSTANBUL ẞ",
    "👩‍👩‍👧 och ‏אב‎",
)


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("text", NASTY)
def test_step_in_python_and_in_engine_agree(step: str, text: str) -> None:
    assert normalise(text, [step]) == engine_normaliser([step]).normalize_str(text)


@pytest.mark.parametrize("step", ["controls", "spaces"])
def test_step_agrees_on_every_character_of_the_basic_plane(step: str) -> None:
    every = "a".join(chr(i) for i in range(0x10000) if not 0xD800 <= i < 0xE000)
    assert normalise(every, [step]) == engine_normaliser([step]).normalize_str(every)


def test_controls_are_those_unicode_names_so() -> None:
    kept = {
        0x09,
        0x0A,
        0x0B,
        0x0C,
        0x0D,
        0x85,
    }  # white space, which the next step turns into spaces
    assigned = [i for i in range(0x100) if unicodedata.category(chr(i)) in ("Cc", "Cf")]
    dropped = [i for i in assigned if normalise(chr(i), ["controls"]) == ""]
    assert set(assigned) - set(dropped) == kept


def test_default_steps_compose_drop_and_join() -> None:
    assert normalise("  A\u030angbåt\u00ad\n  i\u00a0dag ") == "Ångbåt i dag"


def test_default_steps_twice_change_nothing_more() -> None:
    for text in NASTY:
        assert normalise(normalise(text)) == normalise(text)


def test_unknown_step_is_refused_with_the_known_ones() -> None:
    with pytest.raises(TokenError) as refused:
        normalise("text", ["nfc", "gemener"])
    assert str(refused.value) == (
        "No normalisation step is called 'gemener'. "
        "The steps are: nfc, nfkc, controls, spaces, lowercase.\n"
        f"  normalisation={DEFAULT_STEPS}"
    )
