"""Packed tokens: a corpus as one long stream of ids on disk, read in blocks without padding.

The stream is every document's ids, framed as the tokenizer frames a text, in the corpus's order. A
tokenizer that does not mark where a text ends, as those of GPT-2 and Llama, has its end mark added.
Block `i` of length T is ids ``i*T`` to ``(i+1)*T`` of it, so a block may begin and end inside a
document, and nothing is padded; what is left at the end of the stream and fills no block is not
read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence, Sized
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from kblib.errors import IntegrityError, TokenError
from kblib.files import MANIFEST, check_folder, sealed_folder
from kblib.tokens.learn import HasTexts, again
from kblib.tokens.shards import SHARD_BYTES, ShardReader, ShardWriter, dtype_for
from kblib.tokens.subwords import Tokenizer

KIND = "tokens"
_BATCH = 4096  # texts handed to the tokenizer at once


class TokenBlocks:
    """Token ids on disk, memory-mapped; opening one takes milliseconds whatever its size.

    Parameters
    ----------
    folder
        A folder that `pack` made.
    manifest
        Its manifest.
    """

    def __init__(self, folder: Path, manifest: dict[str, Any]) -> None:
        self.folder = folder
        self.manifest = manifest
        self._reader = ShardReader(folder, manifest["shards"], np.dtype(manifest["dtype"]))

    @classmethod
    def pack(
        cls,
        corpus: Iterable[str] | HasTexts,
        tokenizer: Tokenizer,
        folder: Path | str,
        *,
        progress: Callable[[int, int | None], None] | None = None,
        shard_bytes: int = SHARD_BYTES,
        replace: bool = False,
    ) -> TokenBlocks:
        """Tokenize a corpus into a sealed folder, without holding it in memory.

        Parameters
        ----------
        corpus
            A corpus, or any iterable of texts.
        folder
            Where the shards shall be; it appears when all of them are complete.
        progress
            Called with documents done and documents in all (None if not known), a few thousand at a
            time.
        shard_bytes
            Size of a shard, a multiple of 1 MiB.
        replace
            Whether a folder that is already there gives way.

        Raises
        ------
        TokenError
            If the corpus is empty, or the tokenizer gives an id its vocabulary does not have.
        FileExistsError
            If the folder is there and `replace` is False.
        """
        about: dict[str, Any] = {
            "kind": KIND,
            "dtype": dtype_for(tokenizer.vocab_size).str,
            "vocab_size": tokenizer.vocab_size,
            "tokenizer": tokenizer.fingerprint,
            "corpus": str(getattr(corpus, "fingerprint", "")),
        }
        total = len(corpus) if isinstance(corpus, Sized) else None
        with sealed_folder(Path(folder), about, replace=replace) as aside:
            writer = ShardWriter(aside, np.dtype(about["dtype"]), shard_bytes=shard_bytes)
            done, end_mark = 0, _missing_end(tokenizer)
            for texts in _batches(corpus, _BATCH):
                writer.write(_ids(texts, tokenizer, end_mark))
                done += len(texts)
                if progress is not None:
                    progress(done, total)
            if done == 0:
                raise _empty_corpus()
            about.update(n_tokens=writer.n_tokens, n_documents=done, shards=writer.close())
        return cls.open(folder)

    @classmethod
    def open(cls, folder: Path | str) -> TokenBlocks:
        """Open a packed folder; sizes are compared with the manifest, contents when first read.

        Raises
        ------
        TokenError
            If there is no such folder, or it holds something else.
        IntegrityError
            If a file is missing or has another size than it was written with.
        """
        folder = Path(folder)
        if not (folder / MANIFEST).is_file():
            raise TokenError(
                f"There are no packed tokens in {folder}.",
                f"A folder with a {MANIFEST} was expected, as TokenBlocks.pack makes it.",
                "TokenBlocks.pack(corpus, tokenizer, folder)",
            )
        manifest = check_folder(folder, contents=False)
        if manifest.get("kind") != KIND:
            raise TokenError(
                f"{folder} holds '{manifest.get('kind', 'something else')}', not packed tokens.",
                "A folder made by TokenBlocks.pack was expected.",
            )
        missing = [
            key for key in ("dtype", "vocab_size", "n_tokens", "shards") if key not in manifest
        ]
        if missing:
            raise IntegrityError(f"{folder / MANIFEST} lacks {', '.join(missing)}.")
        return cls(folder, manifest)

    @property
    def n_tokens(self) -> int:
        """Ids in the stream."""
        return self._reader.n_tokens

    @property
    def n_documents(self) -> int:
        """Documents the stream was made from."""
        return int(self.manifest["n_documents"])

    @property
    def vocab_size(self) -> int:
        """Pieces in the vocabulary of the tokenizer that packed."""
        return int(self.manifest["vocab_size"])

    @property
    def tokenizer_fingerprint(self) -> str:
        """Fingerprint of the tokenizer that packed."""
        return str(self.manifest["tokenizer"])

    @property
    def corpus_fingerprint(self) -> str:
        """Fingerprint of the corpus, or an empty string if it had none."""
        return str(self.manifest["corpus"])

    def n_blocks(self, seq_len: int) -> int:
        """Return how many whole blocks of this length the stream has."""
        if seq_len < 1:
            raise TokenError(
                f"A block of {seq_len} tokens was asked for.", "At least 1 was expected."
            )
        return self.n_tokens // seq_len

    def blocks(
        self, indices: Sequence[int] | npt.NDArray[Any], seq_len: int
    ) -> npt.NDArray[np.int64]:
        """Return blocks by number, shape (B, T): B indices of T = `seq_len` ids.

        Raises
        ------
        TokenError
            If there is no block with such a number.
        IntegrityError
            Naming shard and offset, if the bytes are not those that were written.
        """
        n_blocks = self.n_blocks(seq_len)
        blocks_BT = np.empty((len(indices), seq_len), dtype=np.int64)
        for row, index in enumerate(indices):
            if not 0 <= index < n_blocks:
                raise TokenError(
                    f"Block {index} of {seq_len} tokens was asked for.",
                    f"These {self.n_tokens:,} tokens have {n_blocks:,} such blocks, from 0.",
                )
            start = int(index) * seq_len
            blocks_BT[row] = self._reader.span(start, start + seq_len)
        return blocks_BT

    def counts(
        self, vocab_size: int | None = None, *, most: int | None = None
    ) -> npt.NDArray[np.int64]:
        """Return how often each id occurs, shape (vocab_size,); reads everything once.

        Parameters
        ----------
        most
            At most so many ids are counted, from the start of the stream; by default all.

        Raises
        ------
        TokenError
            If an id is outside the vocabulary asked for.
        """
        size = self.vocab_size if vocab_size is None else vocab_size
        counts = np.zeros(size, dtype=np.int64)
        for ids in self.stream(most):
            found = np.bincount(ids, minlength=size)
            if found.size > size:
                raise _beyond(found.size - 1, size)
            counts += found
        return counts

    def stream(self, most: int | None = None) -> Iterator[npt.NDArray[Any]]:
        """Iterate over the first ids of the stream, all by default, in pieces of at most 1 MiB."""
        left = self.n_tokens if most is None else most
        for ids in self._reader.pieces():
            if left <= 0:
                return
            yield ids[:left]
            left -= ids.size

    def check(self) -> None:
        """Read every byte and compare it with the checksums, as is done before a job is queued.

        Raises
        ------
        IntegrityError
            Naming the first file that is missing or changed.
        """
        check_folder(self.folder, contents=True)

    def __repr__(self) -> str:
        """Return one line: tokens, documents, folder."""
        size = f"{self.n_tokens:,} tokens of {self.n_documents:,} documents"
        return f"<TokenBlocks {size} in {self.folder}>"


def _batches(corpus: Iterable[str] | HasTexts, size: int) -> Iterator[list[str]]:
    # A one-way iterator is read once, as it comes; `again` would keep it in memory.
    texts = corpus if isinstance(corpus, Iterator) else again(corpus)()
    while batch := list(islice(texts, size)):
        yield batch


def _missing_end(tokenizer: Tokenizer) -> list[int]:
    """Return the id that must be added to each text, if the tokenizer has one and adds it not."""
    if not (tokenizer.has("eos_token") or tokenizer.has("sep_token")):
        return []
    end = [tokenizer.end_id]
    return [] if tokenizer.encode("a")[-1:] == end else end


def _ids(
    texts: Sequence[str], tokenizer: Tokenizer, end_mark: Sequence[int]
) -> npt.NDArray[np.int64]:
    found = tokenizer.encode_batch(texts)
    ids = np.fromiter((i for document in found for i in (*document, *end_mark)), dtype=np.int64)
    if ids.size and int(ids.max()) >= tokenizer.vocab_size:
        raise _beyond(int(ids.max()), tokenizer.vocab_size)
    return ids


def _beyond(index: int, vocab_size: int) -> TokenError:
    return TokenError(
        f"The token id {index} occurs.",
        f"A vocabulary of {vocab_size} pieces has ids 0 to {vocab_size - 1}.",
        "Pack the corpus again with the tokenizer of this model.",
    )


def _empty_corpus() -> TokenError:
    return TokenError(
        "The corpus has no documents.",
        "At least one text was expected.",
        "Look at what its filters have dropped: corpus.dropped()",
    )
