"""How well a causal model guesses what comes next, beside the 5-gram of the same sub-words."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Any

from transformers import PreTrainedModel

from kblib.corpora import Corpus
from kblib.jobs.prepare import Prepared, split_parts
from kblib.jobs.specs import Pretrain
from kblib.models.causal import CausalLM
from kblib.ngrams.pieces import PieceNgrams

_MOST_DOCUMENTS = 20_000
"""More would take longer than they tell: the test films of the newsreels have fewer."""
_MOST_TOKENS = 8_000_000
"""Of training text that a 5-gram is counted on; they take 1.4 GB of memory for some seconds."""


def document_scores(model: PreTrainedModel, data: Prepared, job: Pretrain) -> dict[str, Any]:
    """Return bits a byte and loss on the documents of the test part, each by itself.

    Beside them stand those of a 5-gram counted on the training part, where that is small enough to
    be counted in memory.
    """
    test = split_parts(job)[2]
    found = CausalLM(model, data.tokenizer, name=job.label).perplexity(_spread(test))
    scores: dict[str, Any] = {
        "bits_per_byte": found.bits_per_byte,
        "document_loss": found.loss,
        "documents": found.n_documents,
        "bytes": found.n_bytes,
    }
    if data.train.n_tokens <= _MOST_TOKENS:
        beside = PieceNgrams.train(data.train, data.tokenizer, order=5).perplexity(_spread(test))
        scores["five_gram_bits_per_byte"] = beside.bits_per_byte
        scores["five_gram_loss"] = beside.loss
    return scores


def _spread(corpus: Corpus) -> Iterator[str]:
    """Yield texts spread evenly over a corpus, not more than are measured."""
    step = -(-len(corpus) // _MOST_DOCUMENTS)
    return islice(corpus.texts(), 0, None, max(1, step))
