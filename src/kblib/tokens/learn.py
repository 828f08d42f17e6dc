"""How a sub-word vocabulary is learnt, so that the same texts always give the same one.

The WordPiece trainer of the ``tokenizers`` library numbers the letters in the order of a randomly
seeded hash table, and so breaks ties differently in every process. Here the letters, and the
letters that continue a word, are numbered first, most frequent first; then its result depends on
the texts alone.
"""

from __future__ import annotations

import string
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Protocol, runtime_checkable

from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers

from kblib.errors import TokenError
from kblib.tokens.normalise import check_steps, engine_normaliser, normalise

WORDPIECE_ROLES = {
    "pad_token": "[PAD]",
    "unk_token": "[UNK]",
    "cls_token": "[CLS]",
    "sep_token": "[SEP]",
    "mask_token": "[MASK]",
}
END_OF_TEXT = "<|endoftext|>"
BPE_ROLES = {"bos_token": END_OF_TEXT, "eos_token": END_OF_TEXT, "pad_token": END_OF_TEXT}
CONTINUES = "##"
_MAX_LETTERS = 1000  # the trainer's own default limit: rarer characters become [UNK]
_MIN_COUNT = 2  # a piece seen once in a corpus teaches a model nothing


@runtime_checkable
class HasTexts(Protocol):
    """Anything that can give its texts again and again, such as a corpus."""

    def texts(self) -> Iterator[str]:
        """Iterate over the texts."""
        ...


def again(texts: Iterable[str] | HasTexts) -> Callable[[], Iterator[str]]:
    """Return a function that starts over the texts at each call.

    A one-way iterator is kept in memory.

    Raises
    ------
    TokenError
        If `texts` is one string (whose iteration would give letters).
    """
    if isinstance(texts, str):
        raise TokenError(
            f"The texts are one string of {len(texts)} characters.",
            "A corpus or a list of texts was expected.",
            "Put it in a list: [text]",
        )
    if isinstance(texts, HasTexts):
        return texts.texts
    if isinstance(texts, Iterator):
        texts = list(texts)
    return texts.__iter__


def wordpiece(texts: Iterable[str] | HasTexts, vocab_size: int, steps: Sequence[str]) -> Tokenizer:
    """Learn a cased WordPiece vocabulary (Schuster and Nakajima 2012, in the form BERT uses)."""
    restart = again(texts)
    letters = _letters(restart(), check_steps(steps))
    special = list(WORDPIECE_ROLES.values())
    first = [
        *special,
        *letters,
        *(CONTINUES + letter for letter in letters if _inside_words(letter)),
    ]
    if vocab_size < len(first):
        raise TokenError(
            f"A vocabulary of {vocab_size} pieces is too small for these texts.",
            f"Their {len(letters)} different characters and the {len(special)} special pieces "
            f"already need {len(first)}.",
            f"vocab_size={max(8192, 2 * len(first))}",
        )
    learnt = _untrained_wordpiece({piece: i for i, piece in enumerate(special)}, steps)
    trainer = trainers.WordPieceTrainer(
        vocab_size=vocab_size,
        special_tokens=first,  # numbered first, in this order
        limit_alphabet=len(letters),
        initial_alphabet=letters,
        min_frequency=_MIN_COUNT,
        show_progress=False,
    )
    learnt.train_from_iterator(restart(), trainer)
    return _untrained_wordpiece(learnt.get_vocab(with_added_tokens=False), steps)


def bpe(texts: Iterable[str] | HasTexts, vocab_size: int, steps: Sequence[str]) -> Tokenizer:
    """Learn a byte-level BPE vocabulary (Radford et al. 2019)."""
    restart = again(texts)
    if not any(text.strip() for text in restart()):
        raise _no_text()
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    if vocab_size < len(alphabet) + 1:
        raise TokenError(
            f"A vocabulary of {vocab_size} pieces is too small.",
            f"Byte-level BPE starts from {len(alphabet)} bytes and one end mark.",
            "vocab_size=8192",
        )
    engine = Tokenizer(models.BPE())
    engine.normalizer = engine_normaliser(steps)
    engine.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    engine.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocab_size,
        special_tokens=[END_OF_TEXT],
        initial_alphabet=alphabet,
        min_frequency=_MIN_COUNT,
        show_progress=False,
    )
    engine.train_from_iterator(restart(), trainer)
    end = engine.token_to_id(END_OF_TEXT)
    engine.post_processor = processors.TemplateProcessing(
        single=f"$A {END_OF_TEXT}",
        pair=f"$A {END_OF_TEXT} $B {END_OF_TEXT}",
        special_tokens=[(END_OF_TEXT, end)],
    )
    return engine


def _untrained_wordpiece(vocabulary: dict[str, int], steps: Sequence[str]) -> Tokenizer:
    unknown, cls, sep = (WORDPIECE_ROLES[role] for role in ("unk_token", "cls_token", "sep_token"))
    engine = Tokenizer(
        models.WordPiece(vocab=vocabulary, unk_token=unknown, continuing_subword_prefix=CONTINUES)
    )
    engine.normalizer = engine_normaliser(steps)
    engine.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    engine.decoder = decoders.WordPiece(prefix=CONTINUES, cleanup=True)
    engine.post_processor = processors.TemplateProcessing(
        single=f"{cls} $A {sep}",
        pair=f"{cls} $A {sep} $B:1 {sep}:1",
        special_tokens=[(piece, vocabulary[piece]) for piece in (cls, sep)],
    )
    engine.add_special_tokens(list(WORDPIECE_ROLES.values()))
    return engine


def _letters(texts: Iterable[str], steps: Sequence[str]) -> list[str]:
    """Return the characters of the texts, most frequent first, ties by code point."""
    counts: Counter[str] = Counter()
    for text in texts:
        counts.update(normalise(text, steps))
    for space in [letter for letter in counts if letter.isspace()]:
        del counts[space]
    if not counts:
        raise _no_text()
    return sorted(counts, key=lambda letter: (-counts[letter], letter))[:_MAX_LETTERS]


def _inside_words(letter: str) -> bool:
    """Tell whether the pre-tokenizer can leave this character in the middle of a word."""
    return letter not in string.punctuation and not unicodedata.category(letter).startswith("P")


def _no_text() -> TokenError:
    return TokenError(
        "There is no text to learn a tokenizer from.",
        "At least one text with a letter in it was expected.",
        "Look at what the filters of the corpus have dropped: corpus.dropped()",
    )
