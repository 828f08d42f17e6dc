from __future__ import annotations

import csv
import re
from collections import Counter, defaultdict
from importlib import metadata
from pathlib import Path

import pytest

from kblib.corpora import load_sample
from kblib.corpora.newsreels import (
    INSTALL,
    film_and_reel,
    installed_files,
    joined_ranges,
    newsreel_frame,
    reel_of_path,
)
from kblib.errors import CorpusError, IntegrityError, MissingPartError


@pytest.mark.parametrize(
    ("stem", "film", "reel"),
    [
        ("SF3188.1.mpg", "SF3188", ""),
        ("SF1885A-B.1.mpg", "SF1885", "A-B"),
        ("SF769C.1 dans england.mpg", "SF769", "C"),
        ("SF944.1Reklamen tjänar samhället, 1937.mpg", "SF944", ""),
        ("SF2480.B.Agafyr mm.1924mpg.mpg", "SF2480", ""),
        ("Kino303AB.1.mpg", "Kino303", "AB"),
        ("SF1516A2.1.mpg", "SF1516", "A2"),
        ("Nuet34B_xcode1500.1.mpg", "Nuet34", "B"),
        ("SF11-16.1.mpg", "SF11-16", ""),
        ("SF1215-18.1.mpg", "SF1215-1218", ""),
        ("Kino1-2A.1.mpg", "Kino1-2", "A"),
        ("Kino346-2.1.mpg", "Kino346", "2"),
        ("Nuet104-6.1.mpg", "Nuet104", "6"),
        ("SJA9B.1.mpg", "SJA9", "B"),
        ("SJ-Rattvik.1.mpg", "SJ-Rattvik", ""),
        ("MOT.1.mpg", "MOT", ""),
    ],
)
def test_film_and_reel_are_read_off_the_name(stem, film, reel):
    assert film_and_reel(stem) == (film, reel)


@pytest.mark.parametrize(
    ("folder", "year"), [("1935", 1935), ("XXXX", None), ("188", None), ("1895", None)]
)
def test_a_folder_that_is_no_year_is_an_unknown_year(folder, year):
    reel = reel_of_path(Path(f"corpus/speech/sf/{folder}/SF1.1.mpg.srt"))
    assert (reel.year, reel.medium, reel.collection) == (year, "speech", "sf")


def test_a_path_without_medium_is_refused():
    with pytest.raises(CorpusError, match=r"sound/sf/1935/SF1\.srt says nothing about a film"):
        reel_of_path(Path("sound/sf/1935/SF1.srt"))


def test_a_film_that_stands_in_a_range_joins_it():
    paths = ["Kino1-2A.1.mpg", "Kino2.1.mpg", "Kino3.1.mpg"]
    reels = [reel_of_path(Path(f"speech/kino/1905/{name}.srt")) for name in paths]
    assert joined_ranges(reels) == {"Kino2": "Kino1-2"}


def test_cues_are_ordered_by_film_reel_medium_and_time(tmp_path):
    cue = "{}\n00:00:0{},000 --> 00:00:09,000\n{}\n\n"
    for name, times in {
        "speech/sf/1931/SF10.1.mpg.srt": [1],
        "speech/sf/1931/SF9B.1.mpg.srt": [1],
        "speech/sf/1931/SF9A.1.mpg.srt": [3, 2],
        "intertitle/sf/1931/SF9A.1.mpg.srt": [5],
    }.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("".join(cue.format(n, at, "text") for n, at in enumerate(times)))
    frame, about = newsreel_frame(sorted(tmp_path.rglob("*.srt"), reverse=True), "1")
    assert frame["id"].to_list() == [
        "SF9A/intertitle/0",
        "SF9A/speech/1",
        "SF9A/speech/0",
        "SF9B/speech/0",
        "SF10/speech/0",
    ]
    assert about["cues"] == 5


def test_every_film_and_word_of_the_package_is_there(newsreels):
    """The package's own tables of segments and words are the second source."""
    for medium in ("speech", "intertitle"):
        listed = next(
            Path(str(one.locate()))
            for one in metadata.files("journal-digital")
            if one.match(f"corpus/{medium}/measurements.tsv")
        )
        with open(listed, encoding="utf-8") as file:
            rows = list(csv.DictReader(file, delimiter="\t"))
        table = newsreels.filter(medium=medium).summary("title")
        found = {
            row.title: (row.documents, row.words) for row in table.itertuples() if row.documents
        }
        end = re.compile(r"(\.1)?(\.mpg)?$")
        said = {
            end.sub("", row["file"]): (int(row["num_segments"]), int(row["num_words"]))
            for row in rows
        }
        assert found == said


def test_cues_equal_a_naive_reading_of_the_files(newsreels):
    naive = Counter()
    for path in installed_files()[1]:
        for block in re.split(r"\n\n", path.read_text(encoding="utf-8").strip()):
            lines = block.splitlines()
            if len(lines) > 1 and "-->" in lines[1]:
                naive[path.parts[-4], " ".join(lines[2:]).strip()] += 1
    frame = newsreels.frame().select("medium", "text").collect()
    assert Counter(frame.iter_rows()) == naive


def test_unknown_years_are_counted_and_said(newsreels):
    files = installed_files()[1]
    folders = Counter(path.parent.name for path in files)
    said = newsreels.steps[0].about["files_of_unknown_year"]
    assert said == {"folder '188'": folders["188"], "folder 'XXXX'": folders["XXXX"]}
    assert newsreels.frame().filter(year=188).collect().is_empty()
    unknown = newsreels.filter(year=None).frame().select("title", "medium").collect()
    assert unknown.n_unique() <= sum(said.values())


def test_every_document_says_where_it_comes_from(newsreels):
    document = newsreels.filter(film="SF769", medium="speech")[0]
    assert document.licence == "CC-BY-NC-4.0"
    assert (document.kind, document.language) == ("newsreel", "sv")
    assert set(document.origin) == {"film", "reel", "medium", "collection", "start_s", "end_s"}
    nulls = newsreels.frame().drop("year").null_count().collect()
    assert sum(nulls.row(0)) == 0


def test_filters_drop_what_they_name(newsreels, cleaned):
    kept = cleaned
    said = kept.manifest["steps"][-1]
    assert said["kept"] + sum(said["dropped"].values()) == len(newsreels)
    texts = Counter(kept.texts())
    assert not [text for text in texts if re.search("SLU 2020|den här videon", text)]
    assert texts["Musik Musik Musik Musik"] == 0
    films = defaultdict(set)
    for film, text in kept.frame().select("film", "text").collect().iter_rows():
        assert film not in films[text]
        films[text].add(film)
    assert max(map(len, films.values())) < 8
    assert min(len(text.split()) for text in films) >= 2


def test_filters_keep_speech_and_half_of_the_words_of_intertitles(newsreels, cleaned):
    before, after = (
        corpus.summary("medium").set_index("medium").words for corpus in (newsreels, cleaned)
    )
    assert after["speech"] / before["speech"] > 0.98
    assert 0.4 < after["intertitle"] / before["intertitle"] < 0.6


def test_no_film_is_on_both_sides_of_a_split(newsreels):
    train, valid, test = newsreels.split(test=0.05, valid=0.05, by="film", seed=1)
    numbers = [
        {re.match(r"[A-Za-z]+\d+|.+", title)[0] for title in part.summary("title").title}
        for part in (train, valid, test)
    ]
    assert len(set.union(*numbers)) == sum(map(len, numbers))
    assert len(train) + len(valid) + len(test) == len(newsreels)


READ_SOME = """
import sys
from kblib.corpora.newsreels import installed_files, newsreel_frame
version, files = installed_files()
print(newsreel_frame(files[:20], version)[0].height > 0, "journal_digital" in sys.modules)
"""


def test_the_package_is_never_imported(fresh_python):
    assert fresh_python(READ_SOME) == "True False"


def test_load_sample_opens_what_it_saved(newsreels, home, monkeypatch):
    monkeypatch.setenv("KBNOTEBOOKS_HOME", str(newsreels.folder.parent.parent))
    monkeypatch.setattr("kblib.corpora.newsreels.newsreel_frame", None)  # not read again
    assert load_sample("newsreels").fingerprint == newsreels.fingerprint


def test_load_sample_says_how_to_mend_a_damaged_save(home, monkeypatch):
    paths = [home / "speech/sf/1931/SF1.1.mpg.srt"]
    paths[0].parent.mkdir(parents=True)
    paths[0].write_text("1\n00:00:01,000 --> 00:00:02,000\nhej\n")
    monkeypatch.setattr("kblib.corpora.newsreels.installed_files", lambda: ("1", paths))
    folder = load_sample("newsreels").folder
    (folder / "documents.parquet").write_bytes(b"x")
    with pytest.raises(IntegrityError) as caught:
        load_sample("newsreels")
    assert str(caught.value).splitlines()[-1] == (
        "  Make it again: kb.load_sample('newsreels', fresh=True)"
    )
    assert len(load_sample("newsreels", fresh=True)) == 1


def test_a_missing_package_comes_with_the_command_that_brings_it(monkeypatch):
    def absent(name):
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr("kblib.corpora.newsreels.metadata.distribution", absent)
    with pytest.raises(MissingPartError) as caught:
        load_sample("newsreels")
    assert str(caught.value) == (
        "The newsreels are not here: package 'journal-digital' is not installed. "
        "They are CC-BY-NC-4.0 and come on their own, without the package's dependencies.\n"
        f"  {INSTALL}"
    )


def test_a_package_with_a_file_missing_is_refused(home, monkeypatch):
    missing = home / "speech/sf/1931/SF1.1.mpg.srt"
    monkeypatch.setattr("kblib.corpora.newsreels.installed_files", lambda: ("1", [missing]))
    with pytest.raises(CorpusError, match=r"SF1\.1\.mpg\.srt: there is no such file"):
        load_sample("newsreels")
    assert not (home / "corpora").exists()


def test_an_unknown_sample_names_the_nearest():
    with pytest.raises(CorpusError) as caught:
        load_sample("newsreel")
    assert str(caught.value) == (
        "No sample named 'newsreel'. Samples: newsreels.\n"
        "  Did you mean kb.load_sample('newsreels')?"
    )
