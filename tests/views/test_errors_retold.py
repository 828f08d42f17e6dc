"""Errors of a cell in a Swedish notebook: what the library really raises, in Swedish."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

import kbnotebooks as kb
from kblib import settings
from kblib.errors import JobError, KblibError, RunError
from kblib.labels.labelled import Labels
from kblib.runs import Phase, RunFolder, RunState
from kbnotebooks import _words

ROWS = [{"id": f"t{n}", "text": f"text {n}", "label": "abc"[n % 2]} for n in range(6)]


@pytest.fixture(autouse=True)
def swedish(tmp_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_words, "_chosen", ["sv"])


def labels() -> Labels:
    return kb.read_labels(ROWS, text="text", label="label", id="id")


def no_such_run() -> None:
    RunFolder.create(settings.runs_folder() / "films-done", {"job": {}})
    kb.Run.open("films-dune")


def stopped_run() -> None:
    config = {"job": {}, "site": "local", "ranks": 1}
    run = RunFolder.create(settings.runs_folder() / "films", config)
    run.write_state(RunState(Phase.STOPPED, step=20, steps=100))
    kb.Run.open("films").result()


CASES: dict[str, tuple[Callable[[], object], str]] = {
    "no run": (
        no_such_run,
        "Ingen körning heter 'films-dune'.\n  Menade du kb.Run.open('films-done')?",
    ),
    "stopped": (
        stopped_run,
        (
            "Körningen 'films' stoppades vid steg 20 av 100. Ett resultat finns först vid slutet.\n"
            "  Fortsätt med kb.Run.open('films').resume()"
        ),
    ),
    "unknown precision": (
        lambda: kb.BatchPredict("kb-mini-masked", labels().corpus, precision="fp8"),
        (
            "BatchPredict fick precision='fp8'. Kända är 'fp32' (32-bitars flyttal), "
            "'bf16' (16-bitars flyttal, där det finns enheter för dem), "
            "'int8' (matrisprodukter i 8-bitars heltal, på processorer).\n"
            '  precision="fp32"'
        ),
    ),
    "no workers": (
        lambda: kb.submit(kb.BatchPredict("kb-mini-masked", labels().corpus), workers=0),
        (
            "workers=0 begärdes. Ett helt antal arbetare väntades, minst 1.\n"
            '  kb.submit(task, site="local", workers=4)'
        ),
    ),
    "no job": (
        lambda: kb.submit("films"),  # type: ignore[arg-type]
        (
            "submit fick str. Ett jobb väntades: vad som ska göras, med vilka texter.\n"
            "  kb.submit(kb.Pretrain(corpus, kb.ModelShape(4, 4, 256), minutes=2))"
        ),
    ),
    "no column": (
        lambda: labels().split(test=0.2, by="film"),
        "Etiketterna har ingen kolumn 'film'. De har: id, text, label.",
    ),
    "plan of nothing": (
        lambda: kb.plan("films"),  # type: ignore[arg-type]
        (
            "plan fick str. En träning väntades: vad som lärs ur vilka texter, och hur länge.\n"
            "  kb.plan(kb.Pretrain(corpus, kb.ModelShape(4, 4, 256), minutes=2))"
        ),
    ),
    "words of code stay": (
        lambda: kb.plan(
            kb.Pretrain(kb.Corpus.from_texts(["a"]), kb.known_shape("open-llama-7b"), tokens=1e10),
            site="meluxina",
            nodes=0,
        ),
        "plan fick nodes=0. Ett tal över 0 väntades.",
    ),
    "months": (
        lambda: kb.allocation("meluxina", core_hours=5e6, months=1.5),  # type: ignore[arg-type]
        "allocation fick months=1.5. Ett heltal från 1 till 120 väntades.",
    ),
    "site": (
        lambda: kb.allocation("meluxine", core_hours=5e6),
        (
            "Ingen plats heter 'meluxine'. Här finns: emulator, example-pbs, example-slurm, "
            'leonardo, local, lumi, meluxina, vega.\n  Menade du site="meluxina"?'
        ),
    ),
    "does not fit": (
        lambda: kb.plan(
            kb.Pretrain(kb.Corpus.from_texts(["a"]), kb.known_shape("open-llama-7b"), tokens=1e10),
            site="meluxina",
        ),
        (
            "6,7 miljarder parametrar behöver 100,4 GiB per GPU för vikter, gradienter och "
            "optimerare (med hela modellen i varje GPU på 4 GPU:er); 40,0 GiB finns.\n  "
            "ZeRO-1 behöver 49,4; ZeRO-2 behöver 40,0 och lämnar 0,0; ZeRO-3 behöver 32,4 och "
            'lämnar 7,6. Pröva kb.plan(job, site="meluxina", nodes=1, zero_stage=2).'
        ),
    ),
    "no label": (
        lambda: kb.evaluate(
            labels().corpus, labels().table.rename(columns={"label": "x"}), labels()
        ),
        (
            "Tabellen predictions har ingen kolumn 'label'; den har: id, text, x. "
            "Kolumnerna 'id' och 'label' väntades.\n"
            '  predictions.rename(columns={"x": "label"})'
        ),
    ),
    "one reader": (
        lambda: kb.merge_labels({"Selma": labels()}),
        (
            "Det finns etiketter av 1 läsare: Selma. Etiketter av två eller fler väntades.\n"
            "  merge_labels({'Selma': selma, 'Hjalmar': hjalmar})"
        ),
    ),
}


@pytest.mark.parametrize(("does", "said"), CASES.values(), ids=CASES)
def test_error_is_swedish_and_its_code_is_not(does: Callable[[], object], said: str) -> None:
    with pytest.raises(KblibError) as caught:
        does()
    assert str(caught.value) == said


def test_parts_stay_english_for_who_reads_them_by_name() -> None:
    with pytest.raises(RunError) as caught:
        no_such_run()
    assert caught.value.happened == "No run named 'films-dune'."


def test_what_stands_beside_a_result_is_swedish() -> None:
    letters = kb.Corpus.from_texts([f"brev {n}" for n in range(1200)], name="brev", year=1914)
    sample = kb.sample_texts(letters, 20)
    assert repr(sample).startswith("20 av 1\N{NO-BREAK SPACE}200 texter ur 'brev'")
    assert "... 10 rader till i .table" in sample._repr_html_()
    curve = kb.when_to_stop(pd.DataFrame({"labels": [10, 20], "score": [0.81, 0.815]}))
    assert str(curve).startswith("Sluta: från 10 till 20 etiketter steg resultatet med 0,5 ")


def test_error_is_english_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_words, "_chosen", ["en"])
    with pytest.raises(JobError, match=r"^submit got a str\. A job was expected"):
        kb.submit("films")  # type: ignore[arg-type]


def test_error_about_the_language_is_told_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_words, "_chosen", [])
    monkeypatch.setenv(_words.VARIABLE, "nynorsk")
    with pytest.raises(KblibError) as caught:
        kb.Run.open("films")
    assert str(caught.value).startswith("No run named 'films'.")


def test_award_and_its_months_are_swedish() -> None:
    award = kb.allocation("lumi", core_hours=5_000_000)
    said = str(award).replace("\N{NO-BREAK SPACE}", " ")
    assert said.startswith(
        "5 000 000 kärntimmar på lumi under 12 månader: 78 125 nodtimmar, 6 510 i månaden, 8,9 "
        "noder från månadens första minut till den sista. Kärntimmar går inte att räkna om på lumi:"
        " den debiterar GPU-timmar. Antaget här: 64 kärntimmar"
    )
    assert "det blir 312 500 GPU-timmar." in said
    calendar = str(award.calendar(80_000, nodes=16)).replace("\N{NO-BREAK SPACE}", " ")
    assert calendar == (
        "80 000 nodtimmar under 12 månader: 0 av 78 125 går förlorade (0%), och 1 875 får inte "
        "plats i tilldelningen."
    )
