"""Which label would the text go on with? A causal model reads the text, then a prompt and a label.

Nothing is generated: each label offered is put in, and the model says how likely it is. Labels are
compared by nats a token, so that a long one is not the less likely for its length, and what the
model expects without a text is taken off (Holtzman et al. 2021; Zhao et al. 2021): some labels are
likely after anything.

Letters on arrays: N texts, W windows, P sentences.

References
----------
Brown et al. (2020), Language models are few-shot learners, section 2.4, arXiv 2005.14165.
Zhao et al. (2021), Calibrate before use, arXiv 2102.09690.
Holtzman et al. (2021), Surface form competition, arXiv 2104.08315.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from kblib.models.causal import CausalLM
from kblib.models.reading import IGNORED, Window, begin_id, target_nats
from kblib.zeroshot.asked import Asked, Prompt
from kblib.zeroshot.evidence import Evidence, Floats
from kblib.zeroshot.windows import Windows, following, room_beside

_LINE = "\n"


class Prompts:
    """Zero-shot labels by how well they continue a prompt.

    Parameters
    ----------
    model
        The causal model.
    """

    name = "prompt"

    def __init__(self, model: CausalLM) -> None:
        self.model = model

    @property
    def opened(self) -> CausalLM:
        """The model that it asks."""
        return self.model

    @property
    def provenance(self) -> dict[str, str]:
        """Model, weights, and what was taken off."""
        return {**self.model.provenance, "less": "the same without a text", "per": "token"}

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader has to know."""
        said = (
            "Each label was put behind the text and judged by nats a token, less those of the same "
            "prompt without a text; nothing was generated."
        )
        return (said,)

    def evidence(self, texts: Sequence[str], asked: Asked, *, multi: bool) -> Evidence:
        """Return by how many nats a token a text makes each label likelier."""
        prompts = asked.prompts + (asked.others() if multi else ())
        cut = [self._cut(prompt) for prompt in prompts]
        longest = max(range(len(cut)), key=lambda number: sum(map(len, cut[number])))
        taken = 1 + sum(map(len, cut[longest]))
        room = room_beside(taken, self.model.seq_len, prompts[longest].sentence)
        windows = Windows.of(self.model.tokenizer, texts, room)
        logs_WP = self._logs([*windows.ids, []], cut)
        return windows.evidence(logs_WP[:-1] - logs_WP[-1], multi=multi)

    def _cut(self, prompt: Prompt) -> tuple[list[int], list[int]]:
        """Return the ids of what is given, and of what is asked: the label to the sentence's end.

        The end belongs to it: without, ``kung`` would have the likelihood of ``kungen`` as well.
        """
        tokenizer = self.model.tokenizer
        given = following(tokenizer, _LINE + prompt.before.rstrip(" "))
        return given, following(tokenizer, f" {prompt.wording}{prompt.after}")

    def _logs(self, windows: list[list[int]], cut: Sequence[tuple[list[int], list[int]]]) -> Floats:
        """Return the mean log-probability of the tokens of each label behind each window."""
        begin = begin_id(self.model.tokenizer)
        rows = [_row([begin, *ids, *given], label) for ids in windows for given, label in cut]
        nats = target_nats(self.model.model, rows)
        lengths_P = np.array([len(label) for _, label in cut])
        sums_WP = np.array([row.sum() for row in nats]).reshape(len(windows), len(cut))
        logs: Floats = -sums_WP / lengths_P
        return logs


def _row(known: list[int], label: list[int]) -> Window:
    """Return inputs and targets: the label is asked for, and nothing before it."""
    stream = [*known, *label]
    return stream[:-1], [IGNORED] * (len(known) - 1) + label
