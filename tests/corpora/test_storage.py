from __future__ import annotations

import json

import pytest

from kblib.corpora import Corpus
from kblib.corpora.filters import min_words
from kblib.errors import CorpusError, IntegrityError, SettingsError


def test_saved_corpus_opens_as_it_was(films, home):
    kept = films.filter(years=(1930, 1935)).filter(min_words(2))
    saved = kept.save()
    assert saved.folder == home / "corpora" / f"films-{kept.content[:12]}"
    assert saved.manifest == kept.manifest
    assert saved.table.equals(kept.table)
    assert saved.dropped().equals(kept.dropped())


def test_saved_manifest_is_json_with_counts_and_checksums(films, home):
    folder = films.save().folder
    said = json.loads((folder / "manifest.json").read_text())
    assert said["kind"] == "corpus"
    assert said["documents"] == len(films)
    assert set(said["files"]) == {"documents.parquet"}


def test_save_twice_gives_the_same_folder(films, home):
    first = films.save()
    written = (first.folder / "documents.parquet").stat().st_mtime_ns
    assert films.save().folder == first.folder
    assert (first.folder / "documents.parquet").stat().st_mtime_ns == written


def test_save_refuses_a_folder_that_is_there(films, tmp_path):
    films.save(tmp_path / "films")
    films.save(tmp_path / "films")  # the same: nothing to do
    with pytest.raises(CorpusError) as caught:
        films.filter(film="SF1").save(tmp_path / "films")
    assert str(caught.value) == (
        f"{tmp_path / 'films'} is there already. A saved corpus is never changed in place.\n"
        "  Save under another name, or give replace=True."
    )
    assert len(films.filter(film="SF1").save(tmp_path / "films", replace=True)) == 4


def corrected(corpus, **columns):
    """Return the same texts with other columns."""
    return Corpus.from_table(corpus.table.assign(**columns), name=corpus.name)


def test_corrected_column_is_saved_as_another_corpus(films, home):
    before = films.save()
    after = corrected(films, film="SF9").save()
    assert after.fingerprint == before.fingerprint
    assert after.content != before.content
    assert after.folder != before.folder
    assert set(after.table["film"]) == {"SF9"}
    assert Corpus.open(before.folder).check().table.equals(films.table)


def test_equal_texts_without_a_column_leave_the_saved_corpus_as_it_is(films, home):
    saved = films.save()
    bare = Corpus.from_table(films.table.drop(columns="film"), name=films.name).save()
    assert "film" not in bare.columns
    assert "film" in Corpus.open(saved.folder).check().columns


def test_same_documents_by_another_way_share_a_folder(films, home):
    first = films.save()
    again = films.filter(min_words(1)).save()
    assert again.folder == first.folder
    assert [step["step"] for step in again.manifest["steps"]] == ["from_texts", "filter"]


def test_damaged_folder_is_written_again(films, home):
    path = films.save().folder / "documents.parquet"
    path.write_bytes(path.read_bytes()[:-1])
    assert films.save().check().table.equals(films.table)


def test_corpus_saved_before_contents_were_written_opens(films, tmp_path):
    saved = films.save(tmp_path / "films")
    path = saved.folder / "manifest.json"
    said = json.loads(path.read_text())
    assert said.pop("content") == films.content
    path.write_text(json.dumps(said))
    assert Corpus.open(saved.folder).content == films.content


def test_save_keeps_a_name_with_slashes_below_the_home(films, home):
    corpus = Corpus.from_texts(["sol"], name="../väder 1/2")
    assert corpus.save().folder.parent == home / "corpora"


def test_steps_of_a_saved_corpus_go_on(films, home):
    saved = films.filter(years=(1930, 1935)).save()
    again = saved.filter(min_words(2)).save()
    assert [step["step"] for step in again.manifest["steps"]] == ["from_texts", "filter", "filter"]
    assert sorted(again.dropped().reason.unique()) == ["fewer than 2 words", "year unknown"]


def test_a_filtered_corpus_is_not_taken_for_the_saved_one(films, home):
    saved = films.save()
    kept = saved.filter(film="SF1")
    assert kept.folder is None
    assert kept.fingerprint != saved.fingerprint
    assert kept.counts["documents"] == 4


def test_open_finds_a_corpus_by_its_name(films, home):
    films.save()
    assert Corpus.open("films").fingerprint == films.fingerprint


def test_open_lists_names_and_the_nearest(films, home):
    films.save()
    with pytest.raises(CorpusError) as caught:
        Corpus.open("film")
    assert str(caught.value) == (
        "No corpus named 'film'. Known here: films.\n  Did you mean Corpus.open('films')?"
    )


def test_open_in_an_empty_home_says_where_it_looked(home):
    with pytest.raises(CorpusError) as caught:
        Corpus.open("films")
    assert str(caught.value) == (
        f"No corpus named 'films'. None is saved in {home / 'corpora'} yet."
    )


def test_open_asks_which_of_two_of_one_name(films, home):
    films.save()
    films.filter(film="SF1").save()
    with pytest.raises(CorpusError, match="2 corpora are named 'films'"):
        Corpus.open("films")


def test_open_refuses_a_folder_of_another_kind(films, tmp_path):
    films.save(tmp_path / "films")
    path = tmp_path / "films" / "manifest.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"kind": "tokens"}))
    with pytest.raises(CorpusError, match="says kind='tokens'"):
        Corpus.open(tmp_path / "films")


def test_open_refuses_a_file_cut_short(films, tmp_path):
    path = films.save(tmp_path / "films").folder / "documents.parquet"
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(IntegrityError, match=r"documents\.parquet has \d+ bytes"):
        Corpus.open(tmp_path / "films")


def test_open_refuses_a_damaged_footer(films, tmp_path):
    path = films.save(tmp_path / "films").folder / "documents.parquet"
    data = path.read_bytes()
    path.write_bytes(data[:-4] + b"XXXX")
    with pytest.raises(IntegrityError, match=r"documents\.parquet is damaged"):
        Corpus.open(tmp_path / "films")


def test_check_finds_one_changed_byte(films, tmp_path):
    saved = films.save(tmp_path / "films")
    path = saved.folder / "documents.parquet"
    data = bytearray(path.read_bytes())
    data[30] ^= 1  # in the first page of data
    path.write_bytes(data)
    with pytest.raises(IntegrityError, match="changed or damaged"):
        Corpus.open(tmp_path / "films").check()


def test_failed_save_leaves_the_saved_corpus_and_nothing_else(films, tmp_path, monkeypatch):
    folder = films.save(tmp_path / "films").folder

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("kblib.files.write_json", full)
    with pytest.raises(OSError, match="No space left"):
        films.filter(film="SF1").save(folder, replace=True)
    assert [path.name for path in tmp_path.iterdir()] == ["films"]
    assert len(Corpus.open(folder).check()) == len(films)


def test_two_processes_that_save_the_same_corpus_leave_one(films, home, monkeypatch):
    """The other process finishes while this one writes."""
    from kblib.corpora import writing

    write = writing._write

    def write_late(*arguments):
        monkeypatch.setattr(writing, "_write", write)
        films.save()
        write(*arguments)

    monkeypatch.setattr(writing, "_write", write_late)
    assert len(films.save().check()) == len(films)
    assert len(list((home / "corpora").iterdir())) == 1


def test_home_that_cannot_be_written_to_names_the_variable(films, home, monkeypatch):
    home.parent.mkdir(exist_ok=True)
    home.write_text("a file stands in the way")
    monkeypatch.setattr("kblib.settings.home", lambda: home)
    with pytest.raises(SettingsError, match="export KBNOTEBOOKS_HOME="):
        films.save()


def test_a_full_disk_is_not_taken_for_a_folder_that_is_there(films, home, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("kblib.corpora.writing._write", full)
    with pytest.raises(OSError, match="No space left"):
        films.save()
    assert not list((home / "corpora").iterdir())
