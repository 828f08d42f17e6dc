"""Few examples, chat templates and summaries of causal models."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest
import torch
from transformers import PreTrainedModel

from kblib.errors import ModelError
from kblib.models import summaries
from kblib.models.build import build_causal
from kblib.models.causal import CausalLM
from kblib.models.folder import save_model
from kblib.models.generated import Generated
from kblib.models.sampling import Sampling
from kblib.models.shape import ModelShape
from kblib.tokens.subwords import Tokenizer

EXAMPLES = [("Laget vann.", "sport"), ("Kungen talade.", "hov")]
TEMPLATE = (
    "{% for m in messages %}{% if m['role'] == 'system' %}{{ raise_exception('no system') }}"
    "{% endif %}<{{ m['role'] }}>{{ m['content'] }}\n{% endfor %}"
    "{% if add_generation_prompt %}<assistant>{% endif %}"
)


@pytest.fixture
def model(bpe: Tokenizer) -> CausalLM:
    shape = ModelShape(2, 2, 32, "llama", vocab_size=bpe.vocab_size, seq_len=128)
    built = build_causal(shape, seed=1)
    for weight in built.parameters():
        if weight.ndim > 1:
            weight.data.mul_(6.0)
    return CausalLM(built, bpe, name="small")


def bits_one_by_one(model: CausalLM, prompt: str, answer: str) -> float:
    """A forward pass a token; the answer begins where the prompt's tokens end."""
    end = model.tokenizer.end_id
    known = [end, *model.tokenizer.encode(prompt, special=False)]
    whole = [end, *model.tokenizer.encode(f"{prompt} {answer}\n", special=False)]
    assert whole[: len(known)] == known
    bits = 0.0
    for place in range(len(known), len(whole)):
        with torch.no_grad():
            logits = model.model(input_ids=torch.tensor([whole[:place]])).logits[0, -1]
        bits -= logits.log_softmax(-1)[whole[place]].item() / math.log(2)
    return bits


def test_answer_that_needs_fewest_bits_is_taken(model: CausalLM) -> None:
    found = model.few_shot(EXAMPLES, "Båten kom.", answers=["sport", "hov", "trafik"])
    assert found.prompt == (
        "Text: Laget vann.\nSvar: sport\n\nText: Kungen talade.\nSvar: hov\n\n"
        "Text: Båten kom.\nSvar:"
    )
    wanted = [bits_one_by_one(model, found.prompt, answer) for answer in found.answers]
    assert found.bits == pytest.approx(wanted, rel=1e-4)
    assert found.answer == found.answers[wanted.index(min(wanted))] == found.table["answer"][0]
    shares = [2**-bits for bits in wanted]
    assert found.probabilities == pytest.approx([one / sum(shares) for one in shares], rel=1e-3)


def test_model_may_write_its_own_answer(model: CausalLM) -> None:
    found = model.few_shot(EXAMPLES, "Båten kom.", max_tokens=6)
    how = Sampling(6, temperature=0, stop="\n")
    assert found.answer == model.generate_with(found.prompt, how, seed=1).continuation.strip()
    assert found.table.empty


def test_layout_is_the_readers_own(model: CausalLM) -> None:
    layout = "{text} Ämne: {answer}"
    found = model.few_shot(EXAMPLES, "Båten kom.", answers=["a", "b"], layout=layout)
    assert found.prompt.endswith("\n\nBåten kom. Ämne:")


def test_examples_that_do_not_fit_are_counted(model: CausalLM) -> None:
    with pytest.raises(ModelError) as refused:
        model.few_shot(EXAMPLES * 8, "Båten kom.", answers=["sport", "hov"])
    said = str(refused.value)
    assert "'small' reads at most 128 at once." in said
    fitting = int(said.split("examples[-")[1].split(":]", maxsplit=1)[0])
    assert model.few_shot((EXAMPLES * 8)[-fitting:], "Båten kom.", answers=["sport", "hov"])
    with pytest.raises(ModelError):
        model.few_shot((EXAMPLES * 8)[-fitting - 1 :], "Båten kom.", answers=["sport", "hov"])


@pytest.mark.parametrize(
    ("examples", "text", "more", "said"),
    [
        (EXAMPLES, " ", {}, "The text is empty."),
        ([], "Båten kom.", {}, "There are no examples."),
        ([("Laget vann.", " ")], "Båten.", {}, "Example 1 is ('Laget vann.', ' ')."),
        ([("Laget vann.",)], "Båten.", {}, "Example 1 is ('Laget vann.',)."),
        ("abc", "Båten.", {}, "Example 1 is 'a'."),
        (EXAMPLES, None, {}, "The text is None."),
        (EXAMPLES, "Båten.", {"answers": "sport"}, "The answers to choose from are 'sport'."),
        (EXAMPLES, "Båten.", {"answers": ["hov"]}, "The answers to choose from are ['hov']."),
        (EXAMPLES, "Båten.", {"answers": ["hov", "hov "]}, "At least two different ones"),
        (EXAMPLES, "Båten.", {"layout": "{answer}: {text}"}, "The layout is '{answer}: {text}'."),
        (EXAMPLES, "Båten.", {"layout": "{text} {svar}"}, "The layout is '{text} {svar}'."),
    ],
)
def test_what_cannot_be_asked_is_refused(
    model: CausalLM, examples: list, text: str, more: dict, said: str
) -> None:
    with pytest.raises(ModelError) as refused:
        model.few_shot(examples, text, **more)
    assert said in str(refused.value)


@pytest.fixture
def talker(causal_model: PreTrainedModel, bpe: Tokenizer, tmp_path: Path) -> CausalLM:
    """Give a model whose tokenizer has a chat template."""
    folder = save_model(
        tmp_path / "talker", model=causal_model, tokenizer=bpe, recipe={}, scores={}, card=""
    )
    config = folder / "tokenizer_config.json"
    config.write_text(json.dumps({**json.loads(config.read_text()), "chat_template": TEMPLATE}))
    (folder / "manifest.json").unlink()
    return CausalLM.open(folder)


def test_chat_follows_the_tokenizers_template(talker: CausalLM) -> None:
    talk = [
        {"role": "user", "content": "Hej"},
        {"role": "assistant", "content": "Ja"},
        {"role": "user", "content": "Vem"},
    ]
    how = Sampling(max_tokens=3, temperature=0)
    found = talker.chat(talk[2:], seed=1, sampling=how)
    assert found.prompt == "<user>Vem\n<assistant>"
    assert talker.chat("Vem", seed=1, sampling=how) == found
    ids = talker.tokenizer.encode(found.prompt, special=False)
    theirs = talker.model.generate(
        torch.tensor([ids]),
        attention_mask=torch.ones(1, len(ids), dtype=torch.long),
        do_sample=False,
        max_new_tokens=3,
    )[0, len(ids) :].tolist()
    end = talker.tokenizer.end_id
    theirs = theirs[: theirs.index(end)] if end in theirs else theirs
    assert found.continuation == talker.tokenizer.decode(theirs)
    with pytest.raises(ModelError, match=r"reads at most 32 at once"):
        talker.chat(talk, seed=1)


def test_template_that_refuses_is_quoted(talker: CausalLM) -> None:
    with pytest.raises(ModelError, match=r"refuses these messages: no system"):
        talker.chat("Vem", seed=1, system="Svara kort.")


def test_model_without_a_template_is_refused(model: CausalLM) -> None:
    with pytest.raises(ModelError) as refused:
        model.chat("Vem är kungen?", seed=1)
    assert str(refused.value) == (
        "The tokenizer of 'small' has no chat template: it was not taught to answer. "
        "A model trained for conversation was expected; such names often end in Instruct or Chat.\n"
        '  To let small go on with a text: model.generate("Filmen visar", seed=1)'
    )


@pytest.mark.parametrize(
    "messages", [[], "", [{"role": "kungen", "content": "Hej"}], [{"role": "user"}], ["Hej"]]
)
def test_messages_out_of_form_are_refused(talker: CausalLM, messages: object) -> None:
    with pytest.raises(ModelError, match=r"expected"):
        talker.chat(messages, seed=1)


def test_long_text_is_summed_up_piece_by_piece(model: CausalLM) -> None:
    text = " ".join(f"Kungen besökte Stockholm i dag, och tåget går {n}." for n in range(12))
    found = model.summarise(text, max_tokens=10)
    assert " ".join(found.pieces) == text
    assert len(found.pieces) == len(found.parts) > 2
    how = Sampling(10, temperature=0, stop="\n\n")
    for number, (piece, part) in enumerate(zip(found.pieces, found.parts, strict=True)):
        prompt = summaries.LAYOUT.format(text=piece)
        assert model.generate_with(prompt, how, seed=1 + number).continuation.strip() == part
    assert found.provenance["n_pieces"] == len(found.pieces)
    assert found.table["summary"].tolist() == list(found.parts)


def test_pieces_about_which_nothing_is_written_leave_no_empty_lines(
    model: CausalLM, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(model, "generate_with", lambda prompt, *_, **__: Generated(prompt, " \n"))
    found = model.summarise("Kungen besökte Stockholm i dag. " * 12, max_tokens=10)
    assert len(found.parts) > 2
    assert found.summary == ""
    assert str(found).startswith("(the model wrote nothing)\n(")


def test_model_that_is_too_small_says_so(model: CausalLM, monkeypatch: pytest.MonkeyPatch) -> None:
    found = model.summarise("Kungen besökte Stockholm.", max_tokens=5)
    assert "do not take it for a summary" in found.warning
    assert found.warning in str(found)
    monkeypatch.setattr(summaries, "_SMALL", 1)
    assert model.summarise("Kungen besökte Stockholm.", max_tokens=5).warning == ""


def test_summary_that_leaves_no_room_is_refused(model: CausalLM) -> None:
    with pytest.raises(ModelError) as refused:
        model.summarise("Kungen besökte Stockholm.", max_tokens=110)
    fitting = int(str(refused.value).split("max_tokens=")[1].split(",")[0])
    assert model.summarise("Kungen besökte Stockholm.", max_tokens=fitting)


@pytest.mark.parametrize(
    ("text", "layout", "said"),
    [
        (" ", summaries.LAYOUT, "The text is empty."),
        (None, summaries.LAYOUT, "The text is None."),
        ("Kungen.", "Sammanfatta:", "The layout is 'Sammanfatta:'."),
        ("K" * 300, summaries.LAYOUT, "The word 'KKKK"),
    ],
)
def test_what_cannot_be_summed_up_is_refused(
    model: CausalLM, text: str, layout: str, said: str
) -> None:
    with pytest.raises(ModelError) as refused:
        model.summarise(text, max_tokens=5, layout=layout)
    assert said in str(refused.value)
