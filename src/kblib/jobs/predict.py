"""Ask a model about every text of a corpus, as a batch.

What is asked for, and whether this model can answer it, is looked at before anything starts: in the
model's configuration, without loading it.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from kblib import files
from kblib.corpora import Corpus
from kblib.errors import JobError
from kblib.fewshot.folder import encoder_beside
from kblib.files import MANIFEST, read_manifest
from kblib.finetuning.about import About, is_finetuned
from kblib.finetuning.beside import base_of
from kblib.jobs.batch import USUAL_ROWS, BatchTask
from kblib.jobs.judges import is_judge, judge_arguments
from kblib.models.catalog import CONFIG, find_model
from kblib.models.origin import name_of_origin
from kblib.tokens.subwords import Tokenizer

if TYPE_CHECKING:
    from kblib.jobs.preview import Preview

FUNCTION = "kblib.jobs.predict_shard:predict"
TASKS = {
    "fill": "words for the one blank of each text",
    "surprisal": "how little the model expects each text, both sides known",
    "bits": "bits a byte of each text",
    "vectors": "a vector of each text",
    "labels": "a label of each text, and the scores of all",
    "scale": "a number for each text",
    "words": "a label of each word of each text",
}
"""What can be asked for, and what comes back."""
_TASKS_OF = {
    "ForMaskedLM": ("fill", "surprisal", "vectors"),
    "ForPreTraining": ("fill", "surprisal", "vectors"),
    "ForCausalLM": ("bits", "vectors"),
    "LMHeadModel": ("bits", "vectors"),
    "ForSequenceClassification": ("labels", "vectors"),
    "ForTokenClassification": ("words", "vectors"),
    "FewShotClassifier": ("labels",),
}
"""By the end of the name that transformers gives a class of models; the first is the usual one."""
_WHAT = {
    "fill": "a model that fills blanks",
    "surprisal": "a model that fills blanks",
    "bits": "a model that goes on with a text",
    "labels": "a classifier",
    "scale": "a model that was finetuned on numbers",
    "words": "a model that labels words",
    "vectors": "a model of transformers",
}
_OTHER = ("vectors",)
MOST_GUESSES = 1_000
PRECISIONS = {
    "fp32": "32-bit floats",
    "bf16": "16-bit floats, where there are units for them",
    "int8": "products of matrices in 8-bit whole numbers, on processors",
}
"""What can be computed in."""


class BatchPredict(BatchTask):
    """Ask a model about every text of a corpus.

    A `BatchTask` whose function is a model: it is sent, watched, stopped and taken up again as one.
    The rows of the result have the ``id`` of their documents, where they stand (film, page, box,
    time code) and which weights answered. Which texts are read together is a function of the shard
    alone, so that a run that was disturbed ends with the numbers of one that was not.

    Parameters
    ----------
    model
        A model folder, a name, or an opened model that came from a folder. It has to lie where the
        workers read it. Or a `ZeroShotClassifier`, which gives labels that are said in words.
    corpus
        The texts.
    task
        ``fill`` (words for the one ``[MASK]`` of each text), ``surprisal`` (of masked models: bits,
        both sides known), ``bits`` (of causal models: bits a byte), ``vectors`` (mean of the last
        hidden states), ``labels`` (of classifiers; of pairs ``text`` and ``text_pair``), ``scale``
        (numbers), ``words`` (with their characters). By default the first that the model can do.
    k
        Of ``fill``: how many words.
    precision
        What is computed in. ``fp32``; ``bf16`` where the processor or GPU has units for it;
        ``int8``, of processors: the products of matrices in 8-bit whole numbers. Both are quicker
        and not quite the same: each shard compares a few of its texts with their answers in fp32,
        says how alike they are, and fails where they are less than is allowed.
    rows
        Documents a shard. Texts of a shard are sorted by length and read together.
    name
        What the run is called; by default made of model and task.

    Raises
    ------
    JobError
        If the model cannot do what is asked for, or the corpus is none.
    ModelError, TokenError
        If there is no such model, or it has no tokenizer.

    Examples
    --------
    >>> corpus = Corpus.from_texts(["Kungen besökte [MASK].", "Det var [MASK] i går."])
    >>> job = BatchPredict("kb-mini-masked", corpus, k=3)
    >>> job.task, job.n_shards
    ('fill', 1)
    """

    def __init__(
        self,
        model: Any,
        corpus: Corpus,
        *,
        task: str | None = None,
        k: int = 5,
        precision: str = "fp32",
        rows: int = USUAL_ROWS,
        name: str | None = None,
    ) -> None:
        _check_corpus(corpus)
        if is_judge(model):
            _check_judge(task, precision)
            arguments = judge_arguments(model)
            if model.folder is not None:
                arguments["weights"] = weights_of(model.folder)
            name = name or f"{model.model}-{arguments['task']}"
            super().__init__(FUNCTION, corpus, arguments, rows, name)
            return
        folder = _folder_of(model)
        chosen = _checked_task(folder, task)
        _check_pairs(folder, corpus)
        if is_few_shot(folder):
            _check_exact(folder, precision)  # its encoder has a tokenizer of its own
        else:
            Tokenizer.open(folder)
        arguments = {
            "model": str(folder),
            "weights": weights_of(folder),
            "task": chosen,
        }
        if (beside := _beside(folder)) is not None:
            arguments["beside"] = beside  # so that it goes where the job goes
        if chosen == "fill":
            arguments["k"] = _checked_k(k)
        if _checked_precision(precision) != "fp32":
            arguments["precision"] = precision
        super().__init__(FUNCTION, corpus, arguments, rows, name or f"{_called(folder)}-{chosen}")

    @property
    def task(self) -> str:
        """What is asked for."""
        return str(self.arguments["task"])

    @property
    def model(self) -> Path:
        """The folder of the model."""
        return Path(self.arguments["model"] or self.arguments["judge"]["name"])

    @property
    def texts(self) -> Corpus:
        """The corpus."""
        return cast(Corpus, self.shards)

    def with_saved_corpus(self) -> BatchTask:
        """Return the same as a plain batch, with its corpus where a run can read it."""
        plain = BatchTask(self.function, self.shards, self.arguments, self.rows, self.name)
        return plain.with_saved_corpus()

    def preview(self, n_texts: int = 64, *, seed: int = 1) -> Preview:
        """Ask about a few texts here, and say what all of them would take.

        See `kblib.jobs.preview.preview`.
        """
        from kblib.jobs.preview import preview  # loads the model

        return preview(self, n_texts, seed=seed)


def weights_of(folder: Path) -> str:
    """Return the SHA-256 of a model's weights: by its manifest, or of the files themselves.

    Of several files it is that of their digests, one a line, in order of their names.

    Raises
    ------
    JobError
        If there are no safetensors.
    """
    paths = sorted(folder.glob("*.safetensors"))
    if not paths:
        raise JobError(
            f"The model folder {folder} holds no weights.",
            "A .safetensors file was expected; pickled weights can run code and are not opened.",
            "Save it again with safetensors: model.save_pretrained(folder)",
        )
    said = read_manifest(folder).get("files", {}) if (folder / MANIFEST).is_file() else {}
    digests = [str(said.get(one.name, {}).get("sha256") or files.sha256(one)) for one in paths]
    return files.one_digest(digests)


def possible_tasks(folder: Path) -> tuple[str, ...]:
    """Return what a model can be asked for, the usual one first, by its configuration."""
    if is_finetuned(folder):
        task = About.read(folder).task
        return ("words" if task.kind == "words" else "scale" if task.is_scale else "labels",
                *_OTHER)  # fmt: skip
    names = files.read_json(folder / CONFIG).get("architectures") or [""]
    return next((tasks for end, tasks in _TASKS_OF.items() if names[0].endswith(end)), _OTHER)


def is_few_shot(folder: Path) -> bool:
    """Tell whether a folder holds a classifier from a few labels."""
    names = files.read_json(folder / CONFIG).get("architectures") or [""]
    return bool(names[0] == "FewShotClassifier")


def _beside(folder: Path) -> str | None:
    """Return what a model cannot be without: a base, an encoder's folder, or a package's name.

    Raises
    ------
    ModelError
        If it is the base of an adapter, and not here.
    """
    if is_few_shot(folder):
        return encoder_beside(folder)
    if not is_finetuned(folder) or (about := About.read(folder)).method == "full":
        return None
    return str(base_of(folder, about))


def _checked_task(folder: Path, task: str | None) -> str:
    possible = possible_tasks(folder)
    if task is None:
        return possible[0]
    if task not in TASKS:
        raise JobError(
            f"BatchPredict got task={task!r}.",
            f"Known are {', '.join(f'{name!r} ({what})' for name, what in TASKS.items())}.",
            f"This model can do: {', '.join(possible)}.",
        )
    if task not in possible:
        config = files.read_json(folder / CONFIG)
        layout = (config.get("architectures") or [config.get("model_type", "of no known layout")])[
            0
        ]
        raise JobError(
            f"The model '{_called(folder)}' is a {layout}; task={task!r} was asked of it.",
            f"That needs {_WHAT[task]}. This one can do: {', '.join(possible)}.",
            f'kb.BatchPredict("{_called(folder)}", corpus, task="{possible[0]}")',
        )
    return task


def _check_pairs(folder: Path, corpus: Corpus) -> None:
    reads_pairs = is_finetuned(folder) and About.read(folder).task.kind == "pairs"
    if reads_pairs and "text_pair" not in corpus.columns:
        raise JobError(
            f"The model '{folder.name}' reads pairs of texts, and corpus '{corpus.name}' has no "
            "column text_pair.",
            f"It has: {', '.join(corpus.columns)}.",
            "kb.Corpus.from_texts(texts, text_pair=second_texts)",
        )


def _check_judge(task: str | None, precision: str) -> None:
    given = f"task={task!r}" if task is not None else f"precision={precision!r}"
    if task is not None or precision != "fp32":
        raise JobError(
            f"BatchPredict got a classifier by words and {given}.",
            "Such a classifier says itself what is asked for, and answers in 32-bit floats.",
            "kb.BatchPredict(judge, corpus)",
        )


def _check_exact(folder: Path, precision: str) -> None:
    if precision != "fp32":
        raise JobError(
            f"BatchPredict got precision={precision!r} for '{folder.name}', made of a few labels.",
            "Its head was put on vectors in 32-bit floats.",
            f'kb.BatchPredict("{folder.name}", corpus)',
        )


def _checked_k(k: object) -> int:
    if isinstance(k, bool) or not isinstance(k, int) or not 1 <= k <= MOST_GUESSES:
        raise JobError(
            f"BatchPredict got k={k!r}.", f"From 1 to {MOST_GUESSES:,} words were expected.", "k=5"
        )
    return k


def _checked_precision(precision: object) -> str:
    if not isinstance(precision, str) or precision not in PRECISIONS:
        raise JobError(
            f"BatchPredict got precision={precision!r}.",
            f"Known are {', '.join(f'{name!r} ({what})' for name, what in PRECISIONS.items())}.",
            'precision="fp32"',
        )
    return precision


def _check_corpus(corpus: object) -> None:
    if isinstance(corpus, Corpus) and not len(corpus):
        raise JobError(
            f"BatchPredict got the corpus '{corpus.name}', which has no documents.",
            "One text at least was expected.",
            "print(corpus) says which filter left them out, and how many.",
        )
    if not isinstance(corpus, Corpus):
        raise JobError(
            f"BatchPredict got a {type(corpus).__name__} for its corpus.",
            "A corpus was expected, so that each answer keeps the id of its text.",
            "kb.BatchPredict(model, kb.Corpus.from_texts(texts))",
        )


def _called(folder: Path) -> str:
    """Return what a model is called: in the hub's cache the folder has the name of a commit."""
    return name_of_origin(str(folder))


def _folder_of(model: Any) -> Path:
    if isinstance(model, str | Path):
        return find_model(model).resolve()
    folder = getattr(model, "folder", None)
    if not isinstance(folder, Path):
        raise JobError(
            f"BatchPredict got {repr(model)[:80]}, which lies in no folder.",
            "Workers open the model by themselves: a saved one was expected, or its name.",
            'Save it first, then kb.BatchPredict("models/mine", corpus)',
        )
    return folder.resolve()
