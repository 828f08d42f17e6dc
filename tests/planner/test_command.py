"""The command: plans of published models, awards, the check against published runs."""

from __future__ import annotations

import pytest

from kblib import __main__
from kblib.planner import training_gpu_hours
from kblib.planner.known_shapes import KNOWN_SHAPES


def said(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    assert __main__.main(["plan", *words]) == 0
    return capsys.readouterr().out


def test_plan_of_a_site_names_hours_and_what_fits(capsys: pytest.CaptureFixture[str]) -> None:
    text = said(capsys, "--site", "meluxina")
    assert "llama 32x4096: 6,738,415,616 parameters" in text
    assert "On 16 nodes of meluxina:" in text
    assert "ZeRO stage" in text


def test_sources_are_wrapped_and_none_is_lost(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "100")
    text = said(capsys, "--site", "meluxina")
    table = text.split("\n\n")[1].splitlines()
    assert max(map(len, table)) <= 100
    assert "ask the site for its own)" in " ".join(text.split())


def test_given_rates_are_gone_by(capsys: pytest.CaptureFixture[str]) -> None:
    """A third of 6 N D's hours more, at most, for attention."""
    text = said(capsys, "--tflops", "100", "--goodput", "1", "--tokens", "1e9")
    hours = float(text.split("meluxina: ")[1].split(" GPU-hours")[0].replace(",", ""))
    least = training_gpu_hours(KNOWN_SHAPES["open-llama-7b"].parameters(), 1e9, 100)
    assert least < hours < 1.1 * least


def test_award_is_laid_out(capsys: pytest.CaptureFixture[str]) -> None:
    text = said(capsys, "--core-hours", "5e6", "--texts", "2e10")
    assert "78,125 node-hours, 6,510 a month" in text
    assert "chain of" in text
    assert "The texts are read 5.0 times" in text


def test_twenty_billion_fit_with_recomputed_layers(capsys: pytest.CaptureFixture[str]) -> None:
    asked = ("--model", "gpt-neox-20b", "--nodes", "24", "--recompute")
    assert "gpt_neox 44x6144: 20,554,567,680 parameters" in said(capsys, *asked)
    assert __main__.main(["plan", *asked, "--zero", "1"]) == 1
    assert "PlanError: 20.6 B parameters need" in capsys.readouterr().err


def test_application_is_markdown(capsys: pytest.CaptureFixture[str]) -> None:
    assert said(capsys, "--application").startswith("## Resources asked for: meluxina\n")


def test_check_prints_runs_and_tables(capsys: pytest.CaptureFixture[str]) -> None:
    text = said(capsys, "--check")
    assert text.startswith("## Whole runs")
    assert "Calibration row: MPT-7b on 8 GPUs" in text


def test_unknown_model_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert __main__.main(["plan", "--model", "gpt-5"]) == 1
    assert "PlanError: No model is called 'gpt-5' here. Known are: gpt-neox-20b" in (
        capsys.readouterr().err
    )


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--micro-batch", "0"), "plan got --micro-batch=0. A number above 0 was expected."),
        (("--tokens", "-5"), "plan got --tokens=-5.0."),
        (("--tokens", "nan"), "plan got --tokens=nan."),
        (("--nodes", "0"), "plan got --nodes=0."),
        (("--texts", "0"), "plan got --texts=0.0."),
        (("--core-hours", "0"), "plan got --core-hours=0.0."),
        (("--core-hours", "5", "--months", "0"), "allocation got months=0."),
        (("--goodput", "90"), "plan got goodput=90.0. A share was expected"),
        (("--zero", "7"), "Pretrain got zero_stage=7."),
        (("--site", "local"), "Site 'local' has the scheduler 'none'."),
        (("--site", "melluxina"), "No site named 'melluxina'."),
    ],
)
def test_impossible_words_are_refused(
    capsys: pytest.CaptureFixture[str], words: tuple[str, ...], said: str
) -> None:
    assert __main__.main(["plan", *words]) == 1
    assert said in capsys.readouterr().err
