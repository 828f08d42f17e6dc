"""Texts whose words are labelled, cut into windows that a model reads at once.

A cut falls between words. A window shows some pieces of its neighbours on either side, which are
read and not asked about, so that no word stands at an edge without what surrounds it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from kblib.models.batches import Frame
from kblib.models.word_places import Span, pieces_of_words
from kblib.tokens.subwords import Tokenizer

_CONTEXT = 8  # one of so many pieces of a window, on either side, is its neighbour's


@dataclass(frozen=True)
class WordWindow:
    """What a model reads at once.

    Attributes
    ----------
    text
        The number of the text it is of.
    ids
        Pieces, framed.
    places
        Where in `ids` the piece stands that answers for a word.
    words
        The numbers of these words in their text, as long as `places`.
    """

    text: int
    ids: list[int]
    places: list[int]
    words: list[int]


@dataclass(frozen=True)
class WordsRead:
    """Windows of many texts, and what could not be read as it stands.

    Attributes
    ----------
    n_tokens, n_windows
        Of each text.
    unread
        Of each text, its words that have no piece of their own.
    cut
        Words with more pieces than a window has room for; their ends are not read.
    """

    windows: list[WordWindow]
    n_tokens: list[int]
    n_windows: list[int]
    unread: list[list[int]]
    cut: int


def windows_of_words(
    tokenizer: Tokenizer,
    texts: Sequence[str],
    spans: Sequence[Sequence[Span]],
    *,
    seq_len: int,
    last: bool,
) -> WordsRead:
    """Encode texts, find the piece that answers for each word, and cut what is too long.

    Parameters
    ----------
    spans
        Of each text, where its words stand.
    seq_len
        Tokens a window, its frame included.
    last
        Whether the last piece of a word answers for it, which of a causal model alone has read the
        whole word; else the first.
    """
    frame = Frame.of(tokenizer)
    room = max(1, seq_len - len(frame))
    read = WordsRead([], [], [], [], 0)
    cut = 0
    encoded = tokenizer.engine.encode_batch(list(texts), add_special_tokens=False)
    for number, (text, places, pieces) in enumerate(zip(texts, spans, encoded, strict=True)):
        own = pieces_of_words(text, places, pieces.offsets)
        asked = {word: mine for word, mine in enumerate(own) if mine}
        before = len(read.windows)
        for first, stop, words in _stretches(asked, len(pieces.ids), room):
            cut += sum(asked[word][-1] >= stop for word in words)
            mine = [max(p for p in asked[w] if p < stop) if last else asked[w][0] for w in words]
            at = [piece - first + len(frame.before) for piece in mine]
            ids = frame.around(pieces.ids[first:stop])
            read.windows.append(WordWindow(number, ids, at, words))
        read.n_tokens.append(len(pieces.ids))
        read.n_windows.append(len(read.windows) - before)
        read.unread.append([word for word, mine in enumerate(own) if not mine])
    return WordsRead(read.windows, read.n_tokens, read.n_windows, read.unread, cut)


def _stretches(
    asked: dict[int, list[int]], n_pieces: int, room: int
) -> Iterator[tuple[int, int, list[int]]]:
    """Yield which pieces a window has, and which words it is asked about."""
    if n_pieces <= room:
        if asked:
            yield 0, n_pieces, list(asked)
        return
    context = room // _CONTEXT
    core = room - 2 * context
    words: list[int] = []
    for word, own in asked.items():
        if words and own[-1] + 1 - asked[words[0]][0] > core:
            yield *_around(asked, words, n_pieces, room, context), words
            words = []
        words.append(word)
    if words:
        yield *_around(asked, words, n_pieces, room, context), words


def _around(
    asked: dict[int, list[int]], words: list[int], n_pieces: int, room: int, context: int
) -> tuple[int, int]:
    own = asked[words[-1]][-1] + 1 - asked[words[0]][0]
    first = max(0, asked[words[0]][0] - min(context, max(0, room - own)))
    return first, min(n_pieces, first + room)
