"""Data and methods: what was counted, how, with which seed and which version, as prose to publish.

Everything in the paragraph is read off the results: the corpora off their manifests, the rest off
``.provenance``. What a result does not say of itself cannot stand here.
"""

from __future__ import annotations

import platform
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from kblib import __version__
from kblib.corpora import Corpus
from kblib.errors import CorpusError
from kblib.files import read_json
from kblib.methods.sentences import ABOUT, cited, otherwise
from kblib.methods.speech import Language, Speech
from kblib.methods.told import SIGNS, Told
from kblib.models.origin import name_of_origin

RECIPE = "recipe.json"
"""How a model of ours was made, in its folder."""


@dataclass(frozen=True)
class Methods:
    """A paragraph on data and methods.

    Attributes
    ----------
    language
        ``en`` or ``sv``.
    data, methods, software
        Sentences, in order.
    references
        Whom to cite for the data and for each method, sorted.
    """

    language: Language
    data: tuple[str, ...]
    methods: tuple[str, ...]
    software: tuple[str, ...]
    references: tuple[str, ...]

    @property
    def text(self) -> str:
        """The paragraph as plain text, the references below it, a line each."""
        parts = [f"{title} {' '.join(said)}" for title, said in self._parts()]
        return "\n\n".join([*parts, "\n".join(f"- {one}" for one in self.references)]).strip()

    def __str__(self) -> str:
        return self.text

    def __repr__(self) -> str:
        return self.text

    def _repr_markdown_(self) -> str:
        parts = [f"**{title}** {_escaped(' '.join(said))}" for title, said in self._parts()]
        return "\n\n".join([*parts, "\n".join(f"- {_escaped(one)}" for one in self.references)])

    def _parts(self) -> list[tuple[str, tuple[str, ...]]]:
        titles = {"en": ("Data.", "Methods.", "Software."), "sv": ("Data.", "Metod.", "Program.")}
        said = (self.data, self.methods, self.software)
        return [(title, one) for title, one in zip(titles[self.language], said, strict=True) if one]


def methods(*results: Any, language: Language = "en") -> Methods:
    """Write the paragraph on data and methods that a publication needs, from the results.

    Parameters
    ----------
    results
        Corpora, models, and results with ``.provenance``, in the order they shall be told. A corpus
        is best given too: it knows its source and whom to cite for it.
    language
        ``en`` or ``sv``.

    Raises
    ------
    CorpusError
        If nothing is given, or something that does not know where it comes from.
    SettingsError
        If the language is another.

    Examples
    --------
    >>> letters = Corpus.from_texts(["sol och regn", "snö"], name="letters", year=[1914, 1915])
    >>> print(methods(letters).data[0])
    Corpus “letters”: 2 documents, 4 words between spaces, from 1914 to 1915.
    """
    if not results:
        raise CorpusError(
            "No result was given.", "A corpus, a model or a result was expected.", "methods(trend)"
        )
    speech = Speech(language)
    corpora = [one for one in results if isinstance(one, Corpus)]
    others = [(type(one).__name__, _provenance(one)) for one in results if one not in corpora]
    told = [_told(speech, kind, about) for kind, about in others]
    known = {corpus.fingerprint for corpus in corpora}
    data = [sentence for corpus in corpora for sentence in _corpus(speech, corpus)]
    further = (corpus for _, about in others for corpus in (about, about.get("reference")))
    data += _further_corpora(speech, filter(None, further), known)
    cited = [_citation(corpus) for corpus in corpora]
    cited += [reference for one in told for reference in one.references]
    return Methods(
        language,
        tuple(data),
        tuple(dict.fromkeys(sentence for one in told for sentence in one.sentences)),
        (_software(speech),),
        tuple(sorted({one for one in cited if one})),
    )


def _provenance(result: Any) -> Mapping[str, Any]:
    found = getattr(result, "provenance", None) or getattr(result, "about", None)
    if not isinstance(found, Mapping):
        raise CorpusError(
            f"{result!r:.60} ({type(result).__name__}) does not say where it comes from.",
            "A corpus, a model, or a result with .provenance was expected.",
            "methods(films, trend)",
        )
    folder = Path(getattr(result, "folder", None) or "-")
    if not (folder / RECIPE).is_file():
        return found
    named = dict(found)
    if found.get("model") == folder.name:  # a run's result lies in a folder called "model"
        named["model"] = name_of_origin(str(folder))
    return {**named, "recipe": read_json(folder / RECIPE)}


def _told(speech: Speech, kind: str, about: Mapping[str, Any]) -> Told:
    told = ABOUT[kind](speech, about) if kind in ABOUT else otherwise(speech, kind, about)
    own = cited(about)  # a result that names its sources knows best
    return replace(told, references=own) if own else told


def _corpus(speech: Speech, corpus: Corpus) -> Iterable[str]:
    counts = corpus.counts
    years = (counts["first_year"], counts["last_year"])
    values = {"documents": counts["documents"], "words": counts["words"]}
    name = speech.quoted(corpus.name)
    if years[0] is None:
        yield speech.say(
            "Corpus {name}: {documents} documents, {words} words between spaces.",
            "Korpus {name}: {documents} dokument, {words} ord mellan mellanslag.",
            name=name, **values,
        )  # fmt: skip
    else:
        yield speech.say(
            "Corpus {name}: {documents} documents, {words} words between spaces, from {first} to "
            "{last}.",
            "Korpus {name}: {documents} dokument, {words} ord mellan mellanslag, från {first} till "
            "{last}.",
            name=name, first=str(years[0]), last=str(years[1]), **values,
        )  # fmt: skip
    source = _first_step(corpus).get("package")
    if source:
        yield speech.say("Source: {source}.", "Källa: {source}.", source=str(source))
    yield _fingerprint(speech, corpus.fingerprint)
    yield from _steps(speech, [step.to_dict() for step in corpus.steps])


def _steps(speech: Speech, steps: Iterable[Mapping[str, Any]]) -> Iterable[str]:
    for step in steps:
        if step["step"] == "filter" and step.get("dropped"):
            lost = [
                f"{speech.reason(reason)} ({speech.number(count)})"
                for reason, count in step["dropped"].items()
            ]
            yield speech.say(
                "Left out, by reason (documents): {lost}; {kept} were kept.",
                "Utelämnat, med skäl (dokument): {lost}; {kept} behölls.",
                lost="; ".join(lost), kept=step["kept"],
            )  # fmt: skip
        elif step["step"] == "sample":
            yield speech.say(
                "Drawn by lot: {n} documents (seed {seed}).",
                "Utlottat: {n} dokument (frö {seed}).",
                n=step["n"], seed=step["seed"],
            )  # fmt: skip
        elif step["step"] == "split":
            yield speech.say(
                "Part “{part}” of a split by {by} ({test} to the test, {valid} to validation; seed "
                "{seed}).",
                "Delen ”{part}” av en uppdelning efter {by} ({test} till test, {valid} till "
                "validering; frö {seed}).",
                part=step["part"], by=speech.word(step["by"]), test=speech.percent(step["test"]),
                valid=speech.percent(step["valid"]), seed=step["seed"],
            )  # fmt: skip


def _further_corpora(
    speech: Speech, abouts: Iterable[Mapping[str, Any]], known: set[str]
) -> Iterable[str]:
    """Tell of corpora that results are from and that were not given themselves."""
    for about in abouts:
        fingerprint = about.get("fingerprint")
        if not fingerprint or fingerprint in known or not isinstance(about.get("corpus"), str):
            continue
        known.add(str(fingerprint))
        name = speech.quoted(str(about["corpus"]))
        yield speech.say("Corpus {name}.", "Korpus {name}.", name=name)
        yield _fingerprint(speech, str(fingerprint))
        yield from _steps(speech, about.get("filters", ()))


def _fingerprint(speech: Speech, fingerprint: str) -> str:
    return speech.say(
        "Fingerprint of ids and texts: {signs}.",
        "Fingeravtryck av id och text: {signs}.",
        signs=fingerprint[:SIGNS],
    )


def _first_step(corpus: Corpus) -> Mapping[str, Any]:
    return corpus.steps[0].to_dict() if corpus.steps else {}


def _citation(corpus: Corpus) -> str:
    return str(_first_step(corpus).get("citation", ""))


def _software(speech: Speech) -> str:
    return speech.say(
        "kbnotebooks {version}, Python {python}.",
        "kbnotebooks {version}, Python {python}.",
        version=__version__, python=platform.python_version(),
    )  # fmt: skip


def _escaped(text: str) -> str:
    """Keep asterisks and underscores of queries from becoming emphasis."""
    return text.replace("*", r"\*").replace("_", r"\_")
