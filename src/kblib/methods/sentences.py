"""What is said of each kind of result, read off its provenance, and whom to cite for the method."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from kblib.methods.speech import Speech

SIGNS = 12
"""How much of a fingerprint is printed: enough to tell any two corpora apart."""
BASE = {
    "corpus",
    "fingerprint",
    "filters",
    "words",
    "word_definition",
    "version",
    "references",
    "citation",
}
"""What is said of every result elsewhere in the paragraph."""

BOOTSTRAP = (
    "Efron and Tibshirani (1993), An Introduction to the Bootstrap, Chapman and Hall: intervals."
)
DUNNING = (
    "Dunning (1993), Accurate Methods for the Statistics of Surprise and Coincidence, "
    "Computational Linguistics 19(1): log-likelihood."
)
HARDIE = "Hardie (2014), Log Ratio: an informal introduction, ESRC CASS: effect size of keyness."
FDR = "Benjamini and Hochberg (1995), Controlling the False Discovery Rate, JRSS B 57(1)."
LOG_DICE = "Rychlý (2008), A Lexicographer-Friendly Association Score, RASLAN: logDice."
GRIES = (
    "Gries (2008), Dispersions and adjusted frequencies in corpora, International Journal of "
    "Corpus Linguistics 13(4): dispersion."
)
KNESER_NEY = (
    "Chen and Goodman (1998), An Empirical Study of Smoothing Techniques for Language "
    "Modeling, Harvard TR-10-98: modified Kneser-Ney."
)
KENLM = (
    "Heafield, Pouzyrevsky, Clark and Koehn (2013), Scalable Modified Kneser-Ney Language "
    "Model Estimation, ACL."
)
BERT = (
    "Devlin, Chang, Lee and Toutanova (2019), BERT: Pre-training of Deep Bidirectional "
    "Transformers for Language Understanding, arXiv:1810.04805."
)
PLL = (
    "Kauf and Ivanova (2023), A Better Way to Do Masked Language Model Scoring, "
    "arXiv:2305.10588: pseudo-surprisal."
)
GPT = (
    "Radford, Narasimhan, Salimans and Sutskever (2018), Improving Language Understanding by "
    "Generative Pre-Training, OpenAI."
)
NUCLEUS = (
    "Holtzman, Buys, Du, Forbes and Choi (2020), The Curious Case of Neural Text "
    "Degeneration, arXiv:1904.09751: drawing texts."
)
NOT_EXPLANATION = "Jain and Wallace (2019), Attention is not Explanation, arXiv:1902.10186."
ROLLOUT = (
    "Abnar and Zuidema (2020), Quantifying Attention Flow in Transformers, arXiv:2005.00928: "
    "attention rollout."
)


@dataclass(frozen=True)
class Told:
    """Sentences on one result, and whom to cite for its method."""

    sentences: tuple[str, ...]
    references: tuple[str, ...] = ()


Teller = Callable[[Speech, Mapping[str, Any]], Told]


def otherwise(speech: Speech, kind: str, about: Mapping[str, Any]) -> Told:
    """Say of a kind that has no wording of its own what was asked, name by name."""
    asked = [
        f"{name} = {_plain(speech, value)}"
        for name, value in about.items()
        if name not in BASE and isinstance(value, str | int | float | list | tuple) and value != ""
    ]
    sentence = speech.say(
        "{kind}: {asked}.",
        "{kind}: {asked}.",
        kind=kind,
        asked="; ".join(asked) or speech.say("as given", "som den är"),
    )
    return Told((sentence,), _cited(about))


def _trend(speech: Speech, about: Mapping[str, Any]) -> Told:
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


def _frequencies(speech: Speech, about: Mapping[str, Any]) -> Told:
    n = about.get("n")
    what = speech.say("words", "ord") if n in (None, 1) else f"{n}-gram"
    said = speech.say(
        "Counts of {what} and their rates per million words.",
        "Antal {what} och frekvens per miljon ord.",
        what=what,
    )
    return Told((said, *_forms(speech, about)))


def _concordance(speech: Speech, about: Mapping[str, Any]) -> Told:
    said = speech.say(
        "All uses of {query} were listed in context.",
        "Alla belägg av {query} listades i sitt sammanhang.",
        query=speech.quoted(about["query"]),
    )
    return Told((said, *_forms(speech, about)))


def _keyness(speech: Speech, about: Mapping[str, Any]) -> Told:
    said = [
        speech.say(
            "Keyness: log-likelihood and log ratio of words with at least {least} uses",
            "Nyckelord: log-likelihood och logkvot för ord med minst {least} belägg",
            least=about["min_count"],
        )
    ]
    other = about.get("reference", {}).get("corpus")
    said[0] += (
        speech.say(" against corpus {name}.", " mot korpus {name}.", name=speech.quoted(other))
        if other
        else "."
    )
    said.append(
        speech.say(
            "Significance is tested between units ({unit}) with the false discovery rate held.",
            "Signifikans prövas mellan enheter ({unit}) med kontrollerad andel falska fynd.",
            unit=speech.word(about["unit"]),
        )
    )
    return Told(tuple(said), (DUNNING, HARDIE, FDR))


def _collocations(speech: Speech, about: Mapping[str, Any]) -> Told:
    said = speech.say(
        "Collocates of {query} within {left} words before and {right} after it, ranked by {sort}.",
        "Kollokat till {query} inom {left} ord före och {right} efter, ordnade efter {sort}.",
        query=speech.quoted(about["query"]), left=about["left"], right=about["right"],
        sort=about["sort"],
    )  # fmt: skip
    return Told((said, *_forms(speech, about)), (DUNNING, LOG_DICE))


def _dispersion(speech: Speech, about: Mapping[str, Any]) -> Told:
    said = speech.say(
        "Dispersion over units ({unit}): the deviation of proportions.",
        "Spridning över enheter ({unit}): avvikelse i andelar (DP).",
        unit=speech.word(about["unit"]),
    )
    return Told((said,), (GRIES,))


def _ngram_model(speech: Speech, about: Mapping[str, Any]) -> Told:
    said = speech.say(
        "N-gram model of order {order}, interpolated modified Kneser-Ney, counted on {words} words "
        "in {units} units.",
        "N-gram-modell av ordning {order}, interpolerad modifierad Kneser-Ney, räknad på {words} "
        "ord i {units} enheter.",
        order=about["order"], words=about.get("n_words", "?"), units=about.get("n_units", "?"),
    )  # fmt: skip
    return Told((said, *_counted_on(speech, about.get("corpus"))), (KNESER_NEY, KENLM))


def _perplexity(speech: Speech, about: Mapping[str, Any]) -> Told:
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


def _masked(speech: Speech, about: Mapping[str, Any]) -> Told:
    return Told(tuple(_model(speech, about)), (BERT,))


def _causal(speech: Speech, about: Mapping[str, Any]) -> Told:
    return Told(tuple(_model(speech, about)), (GPT,))


def _surprisal(speech: Speech, about: Mapping[str, Any]) -> Told:
    said = speech.say(
        "Pseudo-surprisal of words by PLL-word-l2r, in bits; not comparable with the bits of "
        "models that read from the left.",
        "Pseudosurprisal per ord enligt PLL-word-l2r, i bitar; inte jämförbar med bitar från "
        "modeller som läser från vänster.",
    )
    return Told((*_model(speech, about), said), (BERT, PLL))


def _attention(speech: Speech, about: Mapping[str, Any]) -> Told:
    said = speech.say(
        "Attention weights, beside attention rollout and the effect of hiding each word.",
        "Attention-vikter, bredvid attention rollout och effekten av att dölja varje ord.",
    )
    return Told((*_model(speech, about), said), (NOT_EXPLANATION, ROLLOUT))


def _generated(speech: Speech, about: Mapping[str, Any]) -> Told:
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


def _plain(speech: Speech, value: Any) -> str:
    if isinstance(value, list | tuple):
        return ", ".join(_plain(speech, one) for one in value)
    return speech.number(value) if type(value) in (int, float) else str(value)


def _cited(about: Mapping[str, Any]) -> tuple[str, ...]:
    found = about.get("references") or about.get("citation") or ()
    return (found,) if isinstance(found, str) else tuple(map(str, found))


ABOUT: dict[str, Teller] = {
    "Trend": _trend,
    "FrequencyTable": _frequencies,
    "Concordance": _concordance,
    "KeynessTable": _keyness,
    "CollocationTable": _collocations,
    "DispersionTable": _dispersion,
    "NgramLM": _ngram_model,
    "WordPerplexity": _perplexity,
    "MaskedLM": _masked,
    "FillTable": _masked,
    "CausalLM": _causal,
    "Surprisal": _surprisal,
    "Attention": _attention,
    "Generated": _generated,
}
"""By the name of the result's class, so that nothing heavy is imported to know it."""
