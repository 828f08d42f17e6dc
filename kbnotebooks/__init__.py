"""What a lesson sees: ``import kbnotebooks as kb``.

Each name is imported when it is first used, so that the import itself takes a moment and not the
ten seconds that torch and transformers need. ``__init__.pyi`` lists the same names for completion
and type checkers.
"""

from __future__ import annotations

import difflib
import importlib
from typing import Any

from kblib.errors import KblibError

_HOMES = {
    "kblib.corpora": (
        "Corpus",
        "load_sample",
        "newsreel_filters",
        "read_jsonl",
        "read_subtitles",
        "read_table",
        "read_text",
    ),
    "kblib.labels": ("GivenLabels", "krippendorff_alpha", "merge_labels", "read_labels"),
    "kblib.ngrams.index": ("index_corpus",),
    "kblib.ngrams.frequencies": ("frequencies", "query_frequencies"),
    "kblib.ngrams.trends": ("ngram_trend",),
    "kblib.ngrams.resampling": ("Band",),
    "kblib.ngrams.samples": ("Draw", "sample_query"),
    "kblib.ngrams.marks": ("Marks",),
    "kblib.ngrams.corrected": ("corrected_trend", "query_quality"),
    "kblib.evaluation.texts": ("sample_texts",),
    "kblib.evaluation.label_next": ("label_next",),
    "kblib.evaluation.weighed": ("weighed_share",),
    "kblib.evaluation.stopping": ("when_to_stop",),
    "kblib.evaluation.counts": ("corrected_counts",),
    "kblib.evaluation.confusion": ("adjusted_counts",),
    "kblib.evaluation.scores": ("evaluate",),
    "kblib.evaluation.significance": ("differences",),
    "kblib.evaluation.calibration": ("calibration",),
    "kblib.evaluation.baselines": ("baselines",),
    "kblib.evaluation.curve_methods": ("CurveMethod",),
    "kblib.evaluation.learning_curve": ("learning_curve",),
    "kblib.fewshot.contrastive_recipe": ("Contrast",),
    "kblib.fewshot.classifier": ("FewShotClassifier",),
    "kblib.finetuning.model": ("FinetunedModel",),
    "kblib.fewshot.prompted": ("PromptedClassifier",),
    "kblib.tasks.asked": ("example_labels",),
    "kblib.ngrams.concordance": ("concordance",),
    "kblib.ngrams.keyness": ("keyness",),
    "kblib.ngrams.collocations": ("collocations",),
    "kblib.ngrams.dispersion": ("dispersion",),
    "kblib.ngrams.semantic_change": ("semantic_change",),
    "kblib.ngrams.word_surprisal": ("word_surprisal",),
    "kblib.ngrams.export": ("export_ngrams",),
    "kblib.ngrams.references": ("write_csl_json", "write_ris"),
    "kblib.ngrams.language_model": ("NgramLM",),
    "kblib.models.shape": ("ModelShape",),
    "kblib.models.catalog": ("catalog",),
    "kblib.models.masked": ("MaskedLM",),
    "kblib.models.causal": ("CausalLM",),
    "kblib.models.sampling": ("Sampling",),
    "kblib.models.sentence_encoder": ("SentenceEncoder",),
    "kblib.ngrams.pieces": ("PieceNgrams",),
    "kblib.models.attention": ("attention",),
    "kblib.models.explaining": ("attention_control",),
    "kblib.models.extended": ("extend_model",),
    "kblib.models.probe": ("probe",),
    "kblib.models.token_cuts": ("token_cuts",),
    "kblib.models.token_lens": ("token_lens",),
    "kblib.models.tokenizer_costs": ("tokenizer_costs",),
    "kblib.models.years": ("period_warning", "training_years"),
    "kblib.jobs.batch": ("BatchTask",),
    "kblib.jobs.finetune_here": ("finetune",),
    "kblib.jobs.finetune_job": ("Finetune",),
    "kblib.jobs.predict": ("BatchPredict",),
    "kblib.jobs.specs": ("Pretrain",),
    "kblib.jobs.recipes": (
        "bert_base",
        "bert_large",
        "mini_causal",
        "mini_masked",
        "modernbert_base",
        "neox_20b_continue",
        "neox_20b_from_scratch",
        "open_llama_3b_continue",
        "open_llama_7b_continue",
    ),
    "kblib.planner": (
        "allocation",
        "award_figures",
        "memory_per_gpu",
        "plan",
        "training_gpu_hours",
    ),
    "kblib.planner.check": ("check_runs",),
    "kblib.planner.known_shapes": ("known_shape",),
    "kblib.cluster": ("Run", "emulator_is_up", "job_script", "preflight", "submit"),
    "kblib.cluster.rate_probe": ("probe_rate",),
    "kblib.cluster.comparison": ("compare",),
    "kblib.cluster.sweep": ("sweep",),
    "kblib.publishing.bundle": ("Bundle",),
    "kbnotebooks.compare_view": ("CompareView",),
    "kbnotebooks.corpus": ("CorpusView",),
    "kbnotebooks.trend_view": ("TrendView",),
    "kbnotebooks.concordance_view": ("ConcordanceView",),
    "kbnotebooks.keyness_view": ("KeynessView",),
    "kbnotebooks.collocation_view": ("CollocationView",),
    "kbnotebooks.dispersion_view": ("DispersionView",),
    "kbnotebooks.context_change_view": ("ContextChangeView",),
    "kbnotebooks.perplexity_view": ("PerplexityView",),
    "kbnotebooks.label_view": ("LabelView",),
    "kbnotebooks.marking": ("MarkView",),
    "kbnotebooks.corrected": ("CorrectedTrendView",),
    "kbnotebooks.counts_view": ("CountsView",),
    "kbnotebooks.scores_view": ("ScoresView",),
    "kbnotebooks.price_of_a_label_view": ("LearningCurveView",),
    "kbnotebooks.language_models": ("FillMaskView",),
    "kbnotebooks.surprisal_view": ("SurprisalView",),
    "kbnotebooks.token_lens_view": ("TokenLensView",),
    "kbnotebooks.attention_view": ("AttentionView",),
    "kbnotebooks.probe_view": ("ProbeView",),
    "kblib.zeroshot.classifier": ("ZeroShotClassifier", "zero_shot"),
    "kblib.zeroshot.templates": ("compare_templates",),
    "kblib.zeroshot.abstaining": ("abstention",),
    "kbnotebooks.zero_shot_view": ("ZeroShotView",),
    "kblib.ladder.ladder": ("Ladder",),
    "kbnotebooks.ladder": ("LadderView",),
    "kbnotebooks.generate_view": ("GenerateView",),
    "kbnotebooks.next_word_view": ("NextWordView",),
    "kbnotebooks.planner": ("PlanView",),
    "kbnotebooks.runs": ("RunView",),
    "kbnotebooks.runs_view": ("RunsView",),
    "kbnotebooks.replaying": ("replay",),
    "kbnotebooks.figures": ("figure",),
    "kbnotebooks.exercises": ("check",),
    "kbnotebooks.data_and_methods": ("methods",),
    "kbnotebooks.place": ("here",),
    "kbnotebooks._words": ("language",),
}
_HOME_OF = {name: module for module, names in _HOMES.items() for name in names}

__all__ = list(_HOME_OF)


def _retold(part: str) -> str:
    """Return a part of an error in the language of the notebook."""
    from kbnotebooks._words import ViewError, heard

    try:
        return heard(part)
    except ViewError:  # the language that was asked for is none, which this may be about
        return part


KblibError.retell = staticmethod(_retold)


def __getattr__(name: str) -> Any:
    module = _HOME_OF.get(name)
    if module is None:
        raise _unknown(name)
    value = getattr(importlib.import_module(module), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(_HOME_OF)


def _unknown(name: str) -> AttributeError:
    if name.startswith("_"):  # asked by Python and IPython themselves, which read no words
        return AttributeError(f"kbnotebooks has no '{name}'.", name=name)
    from kbnotebooks._errors import NameMistakeError
    from kbnotebooks._words import say

    lowered = {known.lower(): known for known in _HOME_OF}
    near = [
        f"kb.{lowered[one]}"
        for one in difflib.get_close_matches(name.lower(), lowered, n=2, cutoff=0.6)
    ]
    hint = (
        say("Did you mean {names}?", names=say(" or ").join(near))
        if near
        else say("There are: {names}.", names=", ".join(_HOME_OF))
    )
    return NameMistakeError(say("kbnotebooks has no '{name}'.", name=name), hint)
