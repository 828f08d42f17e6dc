"""Which method answers, with which model: named by the caller or read off the model.

Nothing here is tried one after another: what was asked for answers, or says why it cannot.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from kblib.errors import MissingPartError, ModelError
from kblib.files import read_json
from kblib.models.catalog import CONFIG, EMBEDDED, EMBEDDED_CAUSAL, find_model
from kblib.models.given import shortened
from kblib.models.sentence_encoder import SentenceEncoder
from kblib.models.sentence_encoder_packaged import PACKAGE
from kblib.zeroshot.keywords import Keywords
from kblib.zeroshot.sentences import Sentences

if TYPE_CHECKING:
    from kblib.zeroshot.evidence import Method

ENTAILMENT_MODEL = "KBLab/megatron-bert-large-swedish-cased-165-zero-shot"
METHODS: dict[str, tuple[str | None, str]] = {
    "sentences": (PACKAGE, "any encoder of sentences"),
    "entailment": (ENTAILMENT_MODEL, "a classifier of pairs with a label called 'entailment'"),
    "masked": (EMBEDDED, "a model that fills blanks"),
    "prompt": (EMBEDDED_CAUSAL, "a model that goes on with a text"),
    "keywords": (None, "no model"),
}
"""Each method with its usual model and with what it needs; the first is the usual one."""
_METHODS_OF = {
    "ForSequenceClassification": ("entailment", "sentences"),
    "ForMaskedLM": ("masked", "sentences"),
    "ForPreTraining": ("masked", "sentences"),
    "ForCausalLM": ("prompt", "sentences"),
    "LMHeadModel": ("prompt", "sentences"),
}
"""By the end of the name that transformers gives a class of models; the first is the usual one."""
_OPENED = {
    "SentenceEncoder": "sentences",
    "SequenceClassifier": "entailment",
    "MaskedLM": "masked",
    "CausalLM": "prompt",
}


def open_method(model: Any, method: str | None, device: str | None = None) -> Method:
    """Open the model that was named, for the method that was named.

    Parameters
    ----------
    model
        A name, a folder, an opened model, or None for the usual one of the method.
    method
        One of `METHODS`, or None for the usual one of the model.

    Raises
    ------
    ModelError
        If there is no such method, or the model cannot do it.
    MissingPartError
        If the built-in encoder is not installed.
    """
    if method is not None and method not in METHODS:
        raise ModelError(
            f"There is no method {method!r}.",
            f"Known are {', '.join(f'{name} ({needs})' for name, (_, needs) in METHODS.items())}.",
            'method="sentences"',
        )
    if method == "keywords":
        _refuse_model_for_keywords(model)
        return Keywords()
    if model is None:
        method = method or next(iter(METHODS))
        return _usual(method, device)
    if (kind := _OPENED.get(type(model).__name__)) is not None:
        _check_possible(getattr(model, "name", kind), type(model).__name__, (kind,), method)
        return _around(kind, model)
    if not isinstance(model, str | Path):
        raise ModelError(
            f"The model is {shortened(model)}.",
            "A name, a folder or an opened model was expected.",
            f'kb.zero_shot(texts, labels, model="{PACKAGE}")',
        )
    return _named(model, method, device)


def _usual(method: str, device: str | None) -> Method:
    name = str(METHODS[method][0])
    try:
        return _named(name, method, device)
    except MissingPartError as error:
        raise MissingPartError(
            error.happened,
            error.expected,
            f"{error.next_step}\n  Without it: method='masked' asks '{EMBEDDED}', which is another "
            "method with other numbers.",
        ) from None
    except ModelError as error:
        if method != "entailment":
            raise
        raise ModelError(
            error.happened,
            error.expected,
            f"Where there is a network: hf download {name}\n  Without it: method='sentences' asks "
            f"'{PACKAGE}', which is another method with other numbers.",
        ) from None


def _named(model: str | Path, method: str | None, device: str | None) -> Method:
    if model == PACKAGE:
        _check_possible(PACKAGE, "sentence encoder", ("sentences",), method)
        return Sentences(SentenceEncoder.open(PACKAGE))
    folder = find_model(model)
    config = read_json(folder / CONFIG)
    layout = (config.get("architectures") or [config.get("model_type", "of no known layout")])[0]
    possible = next(
        (found for end, found in _METHODS_OF.items() if layout.endswith(end)), ("sentences",)
    )
    shown = folder.name if Path(model).expanduser().is_dir() else str(model)
    _check_possible(shown, layout, possible, method)
    return _open(method or possible[0], model, device)


def _open(method: str, model: str | Path, device: str | None) -> Method:
    if method == "sentences":
        return Sentences(SentenceEncoder.open(model, device=device))
    if method == "entailment":
        from kblib.models.classifier import SequenceClassifier
        from kblib.models.linears import make_ready

        classifier = SequenceClassifier.open(model, device=device)
        classifier.model = make_ready(classifier.model)
        return _around(method, classifier)
    if method == "masked":
        from kblib.models.masked import MaskedLM

        return _around(method, MaskedLM.open(model, device=device))
    from kblib.models.causal import CausalLM

    return _around(method, CausalLM.open(model, device=device))


def _around(method: str, model: Any) -> Method:
    """Return the method with an opened model; torch is imported where it is there already."""
    if method == "sentences":
        return Sentences(model)
    if method == "entailment":
        from kblib.zeroshot.entailment import Entailment

        return Entailment(model)
    if method == "masked":
        from kblib.zeroshot.masked_words import MaskedWords

        return MaskedWords(model)
    from kblib.zeroshot.prompts import Prompts

    return Prompts(model)


def _check_possible(name: str, layout: str, possible: tuple[str, ...], method: str | None) -> None:
    if method is None or method in possible:
        return
    raise ModelError(
        f"The model '{name}' is a {layout}; method='{method}' was asked of it.",
        f"That needs {METHODS[method][1]}. This one can do: {', '.join(possible)}.",
        f'kb.zero_shot(texts, labels, model="{name}", method="{possible[0]}")',
    )


def _refuse_model_for_keywords(model: Any) -> None:
    if model is not None:
        raise ModelError(
            f"method='keywords' was asked of the model {shortened(model)}.",
            "Keywords are counted, without any model.",
            "kb.zero_shot(texts, {'väder': ['regn*', 'snö*', 'sol']}, method='keywords')",
        )
