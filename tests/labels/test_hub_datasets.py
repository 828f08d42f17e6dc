"""Objects of the package datasets: read if they are given, and the package is never imported."""

from __future__ import annotations

import subprocess
import sys
from types import SimpleNamespace

import pytest

from kblib.errors import LabelError
from kblib.labels import read_labels


class Dataset(list):
    """Rows with features, as the package's Dataset has them."""

    def __init__(self, rows, **features):
        super().__init__(rows)
        self.features = features


@pytest.fixture(params=["as it is", "a stand-in"])
def package(request, monkeypatch):
    """Return what makes a dataset of texts, one of words, and several by name."""
    if request.param == "as it is":
        real = pytest.importorskip("datasets", reason="the package datasets is not installed")
        names, of = real.ClassLabel, real.Dataset.from_list
        string = real.Value("string")
        return SimpleNamespace(
            texts=lambda rows, labels: of(
                rows, features=real.Features({"text": string, "label": names(names=labels)})
            ),
            words=lambda rows, labels: of(
                rows, features=real.Features(
                    {"tokens": real.List(string), "tags": real.List(names(names=labels))}
                )
            ),
            several=real.DatasetDict,
        )  # fmt: skip
    several = type("DatasetDict", (dict,), {})
    kinds = {"Dataset": Dataset, "IterableDataset": type("IterableDataset", (), {})}
    both = {"DatasetDict": several, "IterableDatasetDict": several}
    monkeypatch.setitem(sys.modules, "datasets", SimpleNamespace(**kinds, **both))
    named = SimpleNamespace
    return SimpleNamespace(
        texts=lambda rows, labels: Dataset(rows, label=named(names=labels)),
        words=lambda rows, labels: Dataset(rows, tags=named(feature=named(names=labels))),
        several=several,
    )


def test_numbers_become_the_names_that_the_dataset_knows(package):
    rows = [{"text": "sol", "label": 0}, {"text": "regn", "label": 1}]
    labels = read_labels(package.texts(rows, ["fair", "foul"]))
    assert labels.table["label"].tolist() == ["fair", "foul"]
    assert labels.labels == ("fair", "foul")


def test_words_have_names_too(package):
    rows = [{"tokens": ["Anna", "gick"], "tags": [1, 0]}]
    labels = read_labels(package.words(rows, ["O", "B-PER"]), text="tokens", label="tags")
    assert labels.rows["label"].to_list() == [["B-PER", "O"]]


def test_number_for_no_label_is_refused_with_its_row(package):
    rows = [{"text": "sol", "label": 0}, {"text": "regn", "label": -1}]
    with pytest.raises(LabelError, match="Row 2 of labels has no label"):
        read_labels(package.texts(rows, ["fair", "foul"]))


def test_several_datasets_are_refused_with_what_to_write(package):
    one = package.texts([{"text": "sol", "label": 0}], ["fair"])
    with pytest.raises(LabelError) as error:
        read_labels(package.several({"train": one, "test": one}))
    assert "DatasetDict with the parts train, test." in str(error.value)
    assert "read_labels(dataset['train'], ...)" in str(error.value)


def test_reading_a_table_imports_no_datasets(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("text,label\nsol,fair\n")
    code = (
        "import sys; from kblib.labels import read_labels; read_labels(sys.argv[1]); "
        "assert not {'datasets', 'torch', 'transformers'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code, str(path)], check=True)
