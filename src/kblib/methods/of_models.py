"""What is said of models and of what they answered."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from kblib.methods.references import (
    BERT,
    BOOTSTRAP,
    FERTILITY,
    GPT,
    KENLM,
    KNESER_NEY,
    NOT_EXPLANATION,
    NUCLEUS,
    PLL,
    ROLLOUT,
    TEMPLATES,
)
from kblib.methods.speech import Speech
from kblib.methods.told import SIGNS, Told


def ngram_model(speech: Speech, about: Mapping[str, Any]) -> Told:
    """Say how n-grams were smoothed, and on which text."""
    said = speech.say(
        "N-gram model of order {order}, interpolated modified Kneser-Ney, counted on {words} words "
        "in {units} units.",
        "N-gram-modell av ordning {order}, interpolerad modifierad Kneser-Ney, räknad på {words} "
        "ord i {units} enheter.",
        order=about["order"], words=about.get("n_words", "?"), units=about.get("n_units", "?"),
    )  # fmt: skip
    return Told((said, *_counted_on(speech, about.get("corpus"))), (KNESER_NEY, KENLM))


def perplexity(speech: Speech, about: Mapping[str, Any]) -> Told:
    """Say what a perplexity counts."""
    said = speech.say(
        "Perplexity counts the ends of texts and not their beginnings.",
        "Perplexiteten räknar texternas slut men inte deras början.",
    )
    return Told((said, *_counted_on(speech, about.get("corpus"))))


def _counted_on(speech: Speech, corpus: Any) -> Iterable[str]:
    if isinstance(corpus, Mapping) and corpus:
        yield speech.say(
            "Its text: {name}, fingerprint {signs}.",
            "Dess text: {name}, fingeravtryck {signs}.",
            name=speech.quoted(str(corpus["name"])), signs=str(corpus["fingerprint"])[:SIGNS],
        )  # fmt: skip


def _model(speech: Speech, about: Mapping[str, Any]) -> Iterable[str]:
    weights = str(about.get("weights") or "")[:SIGNS]
    said = speech.say("Model {name}", "Modell {name}", name=speech.quoted(str(about["model"])))
    yield said + (speech.say(" (weights {w}).", " (vikter {w}).", w=weights) if weights else ".")
    job = about.get("recipe", {}).get("job", {})
    if job.get("corpus"):
        yield speech.say(
            "It was trained on corpus {name}, fingerprint {signs}, with {valid} of the films kept "
            "for validation and {test} for the test (seed {seed}).",
            "Den tränades på korpus {name}, fingeravtryck {signs}, med {valid} av filmerna undan"
            "lagda för validering och {test} för test (frö {seed}).",
            name=speech.quoted(job["corpus"]["name"]),
            signs=job["corpus"]["fingerprint"][:SIGNS],
            valid=speech.percent(job.get("valid") or 0), test=speech.percent(job.get("test") or 0),
            seed=job["seed"],
        )  # fmt: skip
        yield from _also_read(speech, job)


def _also_read(speech: Speech, job: Mapping[str, Any]) -> Iterable[str]:
    """Say which other texts a training read, and what the model it went on from had read."""
    for one in job.get("mixture", ()):
        yield speech.say(
            "{share} of what it read is corpus {name}, fingerprint {signs} ({called}).",
            "{share} av det som den läste är korpus {name}, fingeravtryck {signs} ({called}).",
            share=speech.percent(one["share"]), called=one["name"],
            name=speech.quoted(one["corpus"]["name"]), signs=one["corpus"]["fingerprint"][:SIGNS],
        )  # fmt: skip
    if origin := job.get("continue_from"):
        yield speech.say(
            "The training went on from model {name}{weights}.",
            "Träningen gick vidare från modell {name}{weights}.",
            name=speech.quoted(origin["name"]),
            weights=f" ({str(origin['fingerprint'])[:SIGNS]})" if origin.get("fingerprint") else "",
        )
        earlier = (origin.get("recipe") or {}).get("job", {})
        if earlier.get("corpus"):
            yield speech.say(
                "That one was trained on corpus {name}, fingerprint {signs}.",
                "Den modellen tränades på korpus {name}, fingeravtryck {signs}.",
                name=speech.quoted(earlier["corpus"]["name"]),
                signs=earlier["corpus"]["fingerprint"][:SIGNS],
            )
            yield from _also_read(speech, earlier)


def masked(speech: Speech, about: Mapping[str, Any]) -> Told:
    """Say which masked model it was."""
    return Told(tuple(_model(speech, about)), (BERT,))


def causal(speech: Speech, about: Mapping[str, Any]) -> Told:
    """Say which causal model it was."""
    return Told(tuple(_model(speech, about)), (GPT,))


def surprisal(speech: Speech, about: Mapping[str, Any]) -> Told:
    """Say what the bits of a masked model are."""
    said = speech.say(
        "Pseudo-surprisal of words by PLL-word-l2r, in bits; not comparable with the bits of "
        "models that read from the left.",
        "Pseudosurprisal per ord enligt PLL-word-l2r, i bitar; inte jämförbar med bitar från "
        "modeller som läser från vänster.",
    )
    return Told((*_model(speech, about), said), (BERT, PLL))


def attention(speech: Speech, about: Mapping[str, Any]) -> Told:
    """Say what stands beside attention."""
    said = speech.say(
        "Attention weights, beside attention rollout and the effect of hiding each word.",
        "Attention-vikter, bredvid attention rollout och effekten av att dölja varje ord.",
    )
    return Told((*_model(speech, about), said), (NOT_EXPLANATION, ROLLOUT))


def token_lens(speech: Speech, about: Mapping[str, Any]) -> Told:
    """Say whose pieces were counted."""
    said = speech.say(
        "Pieces of every running word were counted with the tokenizers {names}; bands draw whole "
        "units ({unit}), seed {seed}.",
        "Bitarna i varje löpande ord räknades med tokeniserarna {names}; banden drar hela enheter "
        "({unit}), frö {seed}.",
        names=speech.quoted(about["tokenizers"]), unit=speech.word(about["unit"]),
        seed=about["seed"],
    )  # fmt: skip
    return Told((said,), (FERTILITY, BOOTSTRAP))


def probe(speech: Speech, about: Mapping[str, Any]) -> Told:
    """Say what was put beside what, and what is not certain."""
    models = [one for group in about["models"].values() for one in group]
    said = speech.say(
        "Probe: log-odds of {words} in {n} sentences between {pairs}; intervals draw templates "
        "anew (seed {seed}).",
        "Sond: logodds för {words} i {n} meningar mellan {pairs}; intervallen drar mallarna på "
        "nytt (frö {seed}).",
        words=speech.quoted(about["words"]), n=len(about["templates"]),
        pairs=speech.listing(" / ".join(pair) for pair in about["pairs"]), seed=about["seed"],
    )  # fmt: skip
    told = [sentence for one in models for sentence in _model(speech, one)]
    return Told((*dict.fromkeys(told), said), (BERT, TEMPLATES))


def ladder(speech: Speech, about: Mapping[str, Any]) -> Told:
    """Say what stands on a ladder, and on which text all of it was trained."""
    told = [sentence for one in about["models"] for sentence in _model(speech, one)]
    said = speech.say(
        "All models, n-grams too, were trained on the same films (fingerprint {signs}) and asked "
        "over one list of candidates.",
        "Alla modeller, även n-grammen, tränades på samma filmer (fingeravtryck {signs}) och "
        "frågades över en och samma lista av kandidater.",
        signs=str(about["train"])[:SIGNS],
    )
    return Told((*dict.fromkeys(told), said), (KNESER_NEY, BERT, GPT))


def generated(speech: Speech, about: Mapping[str, Any]) -> Told:
    """Say how texts were drawn."""
    settings = [
        f"{name} {speech.number(about[name])}"
        for name in ("temperature", "top_k", "top_p", "seed")
        if type(about.get(name)) in (int, float)
    ]
    said = speech.say(
        "Texts were drawn from the model ({settings}).",
        "Texter drogs ur modellen ({settings}).",
        settings=", ".join(settings),
    )
    return Told((*_model(speech, about), *((said,) if settings else ())), (GPT, NUCLEUS))
