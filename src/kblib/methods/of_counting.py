"""What is said of results that count words."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from kblib.methods.references import (
    BOOTSTRAP,
    DUNNING,
    FDR,
    GRIES,
    HARDIE,
    LOG_DICE,
    MOVER,
    WILSON,
)
from kblib.methods.speech import Speech
from kblib.methods.told import SIGNS, Told


def trend(speech: Speech, about: Mapping[str, Any]) -> Told:
    """Say how a trend was counted."""
    said = [
        speech.say(
            "Uses of {queries} per million words, by {per}: the sum of hits over the sum of words.",
            "Belägg av {queries} per miljon ord, per {per}: summan av träffar delad med summan av "
            "ord.",
            queries=speech.quoted(about["queries"]),
            per=speech.word(about["per"]),
        )
    ]
    if about.get("smooth", 1) > 1:
        said.append(
            speech.say(
                "Hits and words are summed over windows of {n} periods before they are divided.",
                "Träffar och ord summeras över fönster om {n} perioder innan de delas.",
                n=about["smooth"],
            )
        )
    said += [*_forms(speech, about), *_media(speech, about), _band(speech, about)]
    return Told(tuple(said), (BOOTSTRAP,))


def _forms(speech: Speech, about: Mapping[str, Any]) -> Iterable[str]:
    chosen = str(about.get("forms", ""))
    if speech.language == "en":
        if chosen:
            yield f"Forms counted: {chosen}."
    elif chosen:
        known = {
            "surface": "ordet som det efterfrågats, stor eller liten bokstav likgiltig",
            "variants": "även gamla stavningar och sällsynta felläsningar, enligt regler",
            "lemma": "även böjningsformer och deras varianter",
        }
        yield f"Räknade former: {known.get(chosen.partition(':')[0], chosen)}."
    if about.get("without"):
        yield speech.say(
            "Forms left out by hand: {forms}.",
            "Former utelämnade för hand: {forms}.",
            forms=speech.quoted(about["without"]),
        )


def _media(speech: Speech, about: Mapping[str, Any]) -> Iterable[str]:
    if about.get("media") == "separate":
        yield speech.say("Each medium is a series of its own.", "Varje medium är en egen serie.")
    elif about.get("media") == "together":
        yield speech.say("Media are counted together.", "Medierna räknas tillsammans.")
    if about.get("mix") == "fixed":
        yield speech.say(
            "Rates are weighted to a constant mix of medium and collection.",
            "Frekvenserna vägs till en oförändrad blandning av medium och samling.",
        )


def _band(speech: Speech, about: Mapping[str, Any]) -> str:
    return speech.say(
        "Bands: {confidence} intervals by the bootstrap, {n} resamples of whole units ({unit}), "
        "seed {seed}.",
        "Band: {confidence}-intervall med bootstrap, {n} omdragningar av hela enheter ({unit}), "
        "frö {seed}.",
        confidence=speech.percent(about["confidence"]), n=about["resamples"],
        unit=speech.word(about["unit"]), seed=about["seed"],
    )  # fmt: skip


def corrected(speech: Speech, about: Mapping[str, Any]) -> Told:
    """Say who read how much, and how a count was corrected by it."""
    net = about.get("net")
    query = speech.quoted(about["query"])
    said = [
        speech.say(
            "Of what the query {query} finds, and of what only the net {net} catches, {n} lines "
            "drawn at random (seed {seed}) were marked by {readers}.",
            "Av det som sökningen {query} finner, och av det som bara nätet {net} fångar, märktes "
            "{n} utlottade rader (frö {seed}) av {readers}.",
            query=query,
            net=speech.quoted(net),
            n=about["marked"],
            seed=about["seed"],
            readers=speech.quoted(about["readers"]),
        )
        if net
        else speech.say(
            "Of what the query {query} finds, {n} lines drawn at random (seed {seed}) were marked "
            "by {readers}.",
            "Av det som sökningen {query} finner märktes {n} utlottade rader (frö {seed}) av "
            "{readers}.",
            query=query,
            n=about["marked"],
            seed=about["seed"],
            readers=speech.quoted(about["readers"]),
        )
    ]
    if about.get("guidelines"):
        said.append(
            speech.say(
                "Guideline: {rule}.",
                "Anvisning: {rule}.",
                rule=speech.quoted(str(one).rstrip(".") for one in about["guidelines"]),
            )
        )
    said.append(
        speech.say(
            "Rates, precision and recall are corrected by strata of medium and period, with "
            "{confidence} intervals (Wilson's, put together by MOVER).",
            "Frekvens, precision och täckning korrigeras i strata efter medium och period, med "
            "{confidence}-intervall (Wilsons, sammanfogade med MOVER).",
            confidence=speech.percent(about["confidence"]),
        )
    )
    return Told(tuple(said), (WILSON, MOVER))


def frequencies(speech: Speech, about: Mapping[str, Any]) -> Told:
    """Say what was counted."""
    n = about.get("n")
    what = speech.say("words", "ord") if n in (None, 1) else f"{n}-gram"
    said = speech.say(
        "Counts of {what} and their rates per million words.",
        "Antal {what} och frekvens per miljon ord.",
        what=what,
    )
    return Told((said, *_forms(speech, about)))


def concordance(speech: Speech, about: Mapping[str, Any]) -> Told:
    """Say what was listed."""
    said = speech.say(
        "All uses of {query} were listed in context.",
        "Alla belägg av {query} listades i sitt sammanhang.",
        query=speech.quoted(about["query"]),
    )
    return Told((said, *_forms(speech, about)))


def keyness(speech: Speech, about: Mapping[str, Any]) -> Told:
    """Say what was compared with what."""
    ours, theirs = _named(speech, about), _named(speech, about["reference"])
    compared = speech.say(
        "Keyness of corpus {ours} against corpus {theirs}: log-likelihood and log ratio of words "
        "with at least {least} uses in both together.",
        "Nyckelord i korpus {ours} mot korpus {theirs}: log-likelihood och logkvot för ord med "
        "minst {least} belägg i båda tillsammans.",
        ours=ours, theirs=theirs, least=about["min_count"],
    )  # fmt: skip
    tested = speech.say(
        "Significance is tested between units ({unit}) with the false discovery rate held.",
        "Signifikans prövas mellan enheter ({unit}) med kontrollerad andel falska fynd.",
        unit=speech.word(about["unit"]),
    )
    return Told((compared, tested), (DUNNING, HARDIE, FDR))


def _named(speech: Speech, about: Mapping[str, Any]) -> str:
    """Return a corpus by name and fingerprint: parts of one corpus have the same name."""
    return f"{speech.quoted(about['corpus'])} ({about['fingerprint'][:SIGNS]})"


def collocations(speech: Speech, about: Mapping[str, Any]) -> Told:
    """Say how near a neighbour is."""
    said = speech.say(
        "Collocates of {query} within {left} words before and {right} after it, ranked by {sort}.",
        "Kollokat till {query} inom {left} ord före och {right} efter, ordnade efter {sort}.",
        query=speech.quoted(about["query"]), left=about["left"], right=about["right"],
        sort=about["sort"],
    )  # fmt: skip
    return Told((said, *_forms(speech, about)), (DUNNING, LOG_DICE))


def dispersion(speech: Speech, about: Mapping[str, Any]) -> Told:
    """Say what is spread over what."""
    said = speech.say(
        "Dispersion over units ({unit}): the deviation of proportions.",
        "Spridning över enheter ({unit}): avvikelse i andelar (DP).",
        unit=speech.word(about["unit"]),
    )
    return Told((said,), (GRIES,))
