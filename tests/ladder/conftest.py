"""Films of two decades and two media, and small models that say they were trained on them."""

from __future__ import annotations

import pytest

from kblib.corpora import Corpus
from kblib.ladder.ladder import Ladder
from kblib.models.build import build_causal, build_masked
from kblib.models.causal import CausalLM
from kblib.models.folder import save_model
from kblib.models.masked import MaskedLM
from kblib.models.shape import ModelShape
from kblib.tokens.subwords import Tokenizer
from tests.conftest import invented_films

SPLIT = {"by": "film", "valid": 0.1, "test": 0.2, "seed": 1}


@pytest.fixture(scope="session")
def newsreels() -> Corpus:
    """Give the films years of the 1930s and 1940s, some intertitles of the 1920s, and times."""
    table = invented_films().frame().collect().to_pandas()
    number = [int(film[2:]) for film in table["film"]]
    table["year"] = [1925 if n >= 36 else 1935 if n % 2 else 1945 for n in number]
    table["medium"] = ["intertitle" if n >= 36 else "speech" for n in number]
    table["start_s"] = [10.0 * (i % 10) for i in range(len(table))]
    return Corpus.from_table(table, name="newsreels")


@pytest.fixture(scope="session")
def wordpiece(newsreels: Corpus) -> Tokenizer:
    return Tokenizer.train(newsreels, vocab_size=120)


@pytest.fixture(scope="session")
def bpe(newsreels: Corpus) -> Tokenizer:
    return Tokenizer.train(newsreels, kind="bpe", vocab_size=320)


def said_of(corpus: Corpus) -> dict[str, object]:
    return {"provenance": {"corpus_fingerprint": corpus.fingerprint, "split": SPLIT}}


@pytest.fixture(scope="session")
def masked(
    newsreels: Corpus, wordpiece: Tokenizer, tmp_path_factory: pytest.TempPathFactory
) -> MaskedLM:
    shape = ModelShape(2, 2, 32, vocab_size=wordpiece.vocab_size, seq_len=64)
    folder = save_model(
        tmp_path_factory.mktemp("models") / "tiny-masked",
        model=build_masked(shape, seed=1),
        tokenizer=wordpiece,
        recipe={"steps": 0},
        scores=said_of(newsreels),
        card="# tiny\n",
        notice="Source: invented films.\n",
    )
    return MaskedLM.open(folder, device="cpu")


@pytest.fixture(scope="session")
def causal(bpe: Tokenizer) -> CausalLM:
    shape = ModelShape(2, 2, 32, "gpt_neox", vocab_size=bpe.vocab_size, seq_len=64)
    return CausalLM(build_causal(shape, seed=1), bpe, name="tiny-causal")


@pytest.fixture(scope="session")
def ladder(newsreels: Corpus, masked: MaskedLM, causal: CausalLM) -> Ladder:
    """Give a ladder whose decades need 500 words only."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("kblib.ladder.periods.LEAST_WORDS", 500)
        return Ladder.build(newsreels, masked=masked, causal=causal, n_candidates=30)
