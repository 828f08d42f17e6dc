"""Which label would fill the blank? A masked model reads the text, then "Det handlar om [MASK]".

A label of n pieces is asked for behind n masks, and the logarithms of its pieces add up. Longer
labels get less, and some words are likely after any text; so the same question is asked with no
text before it, and what it gives there is taken off (Zhao et al. 2021; Holtzman et al. 2021).

Letters on tensors: N texts, W windows, P sentences, K labels of a question, n pieces of a label,
B windows read at once, V vocabulary.

References
----------
Schick and Schütze (2021), Exploiting cloze questions for few shot text classification, 2001.07676.
Zhao et al. (2021), Calibrate before use, arXiv 2102.09690.
Holtzman et al. (2021), Surface form competition, arXiv 2104.08315.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from kblib.errors import LabelError
from kblib.models.batches import Frame, filler_of, padded
from kblib.models.build import masked_logits
from kblib.models.lanes import asked_together
from kblib.models.masked import MaskedLM
from kblib.zeroshot.asked import Asked, Prompt
from kblib.zeroshot.evidence import Evidence, Floats
from kblib.zeroshot.windows import Windows, following, room_beside


@dataclass(frozen=True)
class Question:
    """A sentence with a blank of n masks, and the labels that are asked for there.

    Attributes
    ----------
    ids
        The sentence as it follows a text.
    place
        Where its first mask stands.
    pieces
        Of each label, n ids.
    prompts
        The numbers of their prompts.
    """

    ids: tuple[int, ...]
    place: int
    pieces: tuple[tuple[int, ...], ...]
    prompts: tuple[int, ...]


class MaskedWords:
    """Zero-shot labels by the blank of a masked model.

    Parameters
    ----------
    model
        The masked model.
    """

    name = "masked"

    def __init__(self, model: MaskedLM) -> None:
        self.model = model

    @property
    def opened(self) -> MaskedLM:
        """The model that it asks."""
        return self.model

    @property
    def provenance(self) -> dict[str, str]:
        """Model, weights, and what was taken off."""
        return {**self.model.provenance, "less": "the same without a text"}

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader has to know."""
        said = (
            "A label of several pieces was asked for behind as many masks; of each label's sum of "
            "logarithms that of the same question without a text was taken off."
        )
        return (said,)

    def evidence(self, texts: Sequence[str], asked: Asked, *, multi: bool) -> Evidence:
        """Return by how many nats a text makes a label likelier in the blank.

        Raises
        ------
        LabelError
            If a label cannot be spelt, or was given as a whole sentence.
        """
        prompts = asked.prompts + (asked.others() if multi else ())
        questions = self._questions(prompts)
        frame = Frame.of(self.model.tokenizer)
        longest = max(questions, key=lambda question: len(question.ids))
        taken = len(longest.ids) + len(frame)
        room = room_beside(taken, self.model.seq_len, prompts[longest.prompts[0]].sentence)
        windows = Windows.of(self.model.tokenizer, texts, room)
        logs_WP = self._logs([*windows.ids, []], questions, len(prompts), frame)
        return windows.evidence(logs_WP[:-1] - logs_WP[-1], multi=multi)

    def _questions(self, prompts: Sequence[Prompt]) -> list[Question]:
        """Return one question for all labels of a template that have equally many pieces."""
        grouped: dict[tuple[str, str, int], list[tuple[int, tuple[int, ...]]]] = {}
        for number, prompt in enumerate(prompts):
            pieces = self._pieces(prompt)
            key = (prompt.before, prompt.after, len(pieces))
            grouped.setdefault(key, []).append((number, pieces))
        return [self._question(*key, asked) for key, asked in grouped.items()]

    def _question(
        self, before: str, after: str, n: int, asked: list[tuple[int, tuple[int, ...]]]
    ) -> Question:
        tokenizer = self.model.tokenizer
        ids = following(tokenizer, f" {before}{tokenizer.roles['mask_token']}{after}")
        place = ids.index(tokenizer.mask_id)
        ids[place : place + 1] = [tokenizer.mask_id] * n
        numbers, pieces = zip(*asked, strict=True)
        return Question(tuple(ids), place, tuple(pieces), tuple(numbers))

    def _pieces(self, prompt: Prompt) -> tuple[int, ...]:
        if prompt.is_whole:
            raise LabelError(
                f"'{prompt.sentence}' stands for a label.",
                "A blank is filled with a word or a few, and not with a whole sentence.",
                "Give the label's words instead, or method='sentences'.",
            )
        tokenizer = self.model.tokenizer
        ids = tuple(following(tokenizer, f" {prompt.wording}"))
        if not ids or (tokenizer.has("unk_token") and tokenizer.unknown_id in ids):
            raise LabelError(
                f"'{self.model.name}' cannot spell the label '{prompt.wording}'.",
                "Each of its letters should be in the model's vocabulary.",
                "Say it in other words: labels={'name': 'words for the blank', ...}",
            )
        return ids

    def _logs(
        self, windows: list[list[int]], questions: list[Question], n_prompts: int, frame: Frame
    ) -> Floats:
        """Return the log-probability of each label behind each window, (W, P)."""
        logs_WP = np.empty((len(windows), n_prompts))
        for question in questions:
            logs_WP[:, question.prompts] = self._logs_of(question, windows, frame)
        return logs_WP

    def _logs_of(self, question: Question, windows: list[list[int]], frame: Frame) -> Floats:
        """Return the log-probability of the labels of one question behind each window, (W, K)."""
        filler, device = filler_of(self.model.tokenizer), self.model.model.device
        rows = [frame.around([*ids, *question.ids]) for ids in windows]

        def answers(chosen: list[int]) -> Floats:
            ids_BT, mask_BT = padded([rows[i] for i in chosen], filler, device)
            starts = [len(frame.before) + len(windows[i]) + question.place for i in chosen]
            found: Floats = self._ask(ids_BT, mask_BT, starts, question).double().cpu().numpy()
            return found

        batches, found = asked_together([len(row) for row in rows], answers, device)
        logs_WK = np.empty((len(windows), len(question.pieces)))
        logs_WK[np.concatenate(batches)] = np.concatenate(found)
        return logs_WK

    def _ask(
        self, ids_BT: Tensor, mask_BT: Tensor | None, starts: list[int], question: Question
    ) -> Tensor:
        n = len(question.pieces[0])
        places_Bn = torch.tensor(starts, device=ids_BT.device)[:, None] + torch.arange(
            n, device=ids_BT.device
        )
        logits_BnV = masked_logits(self.model.model, ids_BT, places_Bn, mask_BT).float()
        logs_BnV = logits_BnV[..., : self.model.tokenizer.vocab_size].log_softmax(-1)
        pieces_Kn = torch.tensor(question.pieces, device=ids_BT.device)
        at_n = torch.arange(n, device=ids_BT.device)
        logs_BKn = logs_BnV[:, at_n[None, :], pieces_Kn]
        return logs_BKn.sum(-1)
