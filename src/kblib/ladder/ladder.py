"""Ladder: ask all models about one blank, over one list of words."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from kblib.corpora import Corpus
from kblib.errors import ModelError
from kblib.ladder.answers import LadderAnswer, RungAnswer
from kblib.ladder.blank import Blank, checked_words
from kblib.ladder.rungs import ALL_YEARS, Rung
from kblib.ladder.sources import Source, find_sources

if TYPE_CHECKING:
    import pandas as pd

    from kblib.models.causal import CausalLM
    from kblib.models.masked import MaskedLM

N_CANDIDATES = 2000


@dataclass(frozen=True, eq=False, repr=False)
class Ladder:
    """Models of several kinds and periods that answer for the same blank.

    Parameters
    ----------
    rungs
        The models, in the order they are shown; for a decade, those of that decade take the place
        of those of all years.
    candidates
        The words they choose from.
    source
        Where the real sentence is looked for; its column ``part`` (``train``, ``valid``, ``test``)
        is told with what is found, if it has one.
    left_out
        Decades that have no models of their own, with the reason.
    about
        Where all of it comes from.
    """

    rungs: tuple[Rung, ...]
    candidates: tuple[str, ...]
    source: Corpus | None = None
    left_out: Mapping[str, str] = field(default_factory=dict)
    about: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.rungs:
            raise ModelError(
                "The ladder has no rungs.",
                "At least one model was expected.",
                "kb.Ladder.build(films)",
            )
        checked_words(self.candidates)

    @classmethod
    def build(
        cls,
        films: Corpus,
        *,
        masked: str | MaskedLM | None = "kb-mini-masked",
        causal: str | CausalLM | None = "kb-mini-causal",
        order: int = 5,
        n_candidates: int = N_CANDIDATES,
        decades: bool = True,
        medium: str | None = "speech",
    ) -> Ladder:
        """Build a ladder on a corpus: n-grams are counted, models opened, decades told apart.

        N-gram models are counted on the part of the corpus that the masked model was trained on, so
        that all have read the same text, and are kept for the next time.

        Parameters
        ----------
        films
            The corpus; for the embedded models the newsreels with `newsreel_filters`.
        masked, causal
            Models, or their names; None for a ladder without.
        order
            Words in the longest n-grams.
        n_candidates
            How many of the most frequent words of the training part are candidates.
        decades
            Whether decades with enough text get models of their own.
        medium
            The medium that models of a decade are made of, where the corpus has that column:
            speech and intertitles are of different years, and a decade of both would be neither.

        Raises
        ------
        ModelError
            If a model cannot be opened, or a number is impossible.
        """
        from kblib.ladder.build import build

        return build(
            films, masked=masked, causal=causal, order=order, n_candidates=n_candidates,
            decades=decades, medium=medium,
        )  # fmt: skip

    @property
    def decades(self) -> tuple[str, ...]:
        """The decades that have models of their own, in order."""
        return tuple(sorted({rung.period for rung in self.rungs} - {ALL_YEARS}))

    def ask(
        self,
        text: str,
        *,
        answer: str | None = None,
        decade: str | None = None,
        candidates: Iterable[str] | None = None,
        k: int = 8,
    ) -> LadderAnswer:
        """Ask all models which word belongs in the blank.

        Parameters
        ----------
        text
            A sentence with one ``[MASK]``.
        answer
            The word that stood there; by default the one that the source has, if it has one.
        decade
            One of `decades`; by default all years.
        candidates
            Words to choose from instead of the ladder's. The answer is always among them.
        k
            How many of the best words to tell of each model.

        Raises
        ------
        ModelError
            If there is not exactly one blank in place of a whole word, the sentence is longer than
            a model reads, the decade is not known, or the candidates are no words.
        """
        blank = Blank.of(text)
        if type(k) is not int or k < 1:
            raise ModelError(f"k is {k!r}.", "At least 1 word a model was expected.", "k=8")
        words = self.candidates if candidates is None else checked_words(candidates)
        rungs = self._rungs_of(decade)
        sources = self.sources_of(blank)
        said = answer if answer is not None else next((one.word for one in sources), None)
        truth = None if said is None else checked_words([said])[0]
        also = () if truth is None or truth in words else (truth,)
        answers = [
            RungAnswer.of(rung, rung.scores(blank, words, also), (*words, *also), truth, decade, k)
            for rung in rungs
        ]
        about = {**self.about, "candidates": len(words) + len(also), "decade": decade}
        return LadderAnswer(blank, truth, tuple(answers), sources, about)

    def sources_of(self, blank: Blank) -> tuple[Source, ...]:
        """Return where the sentence really stands, with the part of the split it is in."""
        if self.source is None:
            return ()
        found, parts = find_sources(self.source, blank), self.about.get("parts", {})
        group = self.about.get("group") or "film"
        return tuple(replace(one, part=parts.get(one.origin.get(group), "")) for one in found)

    def _rungs_of(self, decade: str | None) -> Sequence[Rung]:
        """Return one rung of each name: the decade's where there is one."""
        whole = {rung.name: rung for rung in self.rungs if rung.period == ALL_YEARS}
        if decade is None:
            return list(whole.values()) or self.rungs
        own = {rung.name: rung for rung in self.rungs if rung.period == decade}
        if not own:
            why = self.left_out.get(decade, "")
            raise ModelError(
                f"There are no models of the decade '{decade}'." + (f" {why}" if why else ""),
                f"There are: {', '.join(self.decades) or 'none; all models have read all years'}.",
                f'ladder.ask(text, decade="{self.decades[0]}")' if self.decades else "",
            )
        names = [*whole, *(name for name in own if name not in whole)]
        return [own.get(name) or whole[name] for name in names]

    @property
    def table(self) -> pd.DataFrame:
        """One row a rung: name, period, axis, what has to be said about it."""
        import pandas as pd

        rows = [(rung.name, rung.period, rung.axis, rung.caution) for rung in self.rungs]
        return pd.DataFrame(rows, columns=["model", "period", "axis", "caution"])

    def __repr__(self) -> str:
        decades = ", ".join(self.decades) or "none"
        names = ", ".join(dict.fromkeys(rung.name for rung in self.rungs))
        return f"<Ladder {names}; {len(self.candidates):,} candidates; decades: {decades}>"
