"""Labels as they are asked for: each in one or several sentences.

A template is a sentence with ``{}`` where a label belongs. Whether a sentence is a good question is
not known beforehand, so a label may have several, and its evidence is their mean.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from kblib.errors import LabelError

TEMPLATE = "Detta exempel handlar om {}."
"""That of KBLab's zero-shot model, in the language of the texts."""
OTHER = "något annat"
"""What stands for all other labels where each is judged by itself."""
BLANK = "[MASK]"
PLACE = "{}"
_ENDS = (".", "!", "?")
_EXAMPLE = 'kb.zero_shot(texts, ["väder", "handel", "brott"])'
Labels = Sequence[str] | Mapping[str, str | Sequence[str]]


@dataclass(frozen=True)
class Prompt:
    """One sentence that asks for one label.

    Attributes
    ----------
    label
        Number of the label; that of no label for what stands for all others.
    template
        The template it was made from; the sentence itself where it was given whole.
    before, wording, after
        The sentence; `wording` says the label.
    """

    label: int
    template: str
    before: str
    wording: str
    after: str

    @property
    def sentence(self) -> str:
        """The whole sentence."""
        return f"{self.before}{self.wording}{self.after}"

    @property
    def is_whole(self) -> bool:
        """Whether the sentence was given whole, so that no part of it is the label."""
        return not self.before and not self.after


@dataclass(frozen=True)
class Asked:
    """The labels offered, and the sentences that ask for them.

    Parameters
    ----------
    labels
        Their names.
    wordings
        Of each: what is put in templates. What ends like a sentence is asked as it stands, and
        what has ``{}`` is a template of this label alone.
    templates
        Each with ``{}`` once.
    """

    labels: tuple[str, ...]
    wordings: tuple[tuple[str, ...], ...]
    templates: tuple[str, ...]

    @classmethod
    def of(cls, labels: Labels, template: str | Sequence[str], *, multi: bool) -> Asked:
        """Read labels and templates as a user gives them.

        Parameters
        ----------
        labels
            Names; or names with what is asked for each: a wording, a sentence, or several.
        template
            One, or several.

        Raises
        ------
        LabelError
            If there are too few labels, one stands twice or is empty, or a template has not one
            place for them.
        """
        names = _names(labels, multi=multi)
        if isinstance(labels, Mapping):
            wordings = tuple(_wordings(name, labels[name]) for name in names)
        else:
            wordings = tuple((name,) for name in names)
        asked: Any = template
        several = isinstance(asked, Sequence) and not isinstance(asked, str)
        given = tuple(asked) if several else (asked,)
        return cls(names, wordings, tuple(_template(one) for one in given or (None,)))

    @property
    def prompts(self) -> tuple[Prompt, ...]:
        """All sentences, label by label."""
        return tuple(
            prompt
            for number, wordings in enumerate(self.wordings)
            for wording in wordings
            for prompt in self._of(number, wording)
        )

    def others(self, wording: str = OTHER) -> tuple[Prompt, ...]:
        """Return a sentence for all other labels, for each of `prompts`: of the same template."""
        none = len(self.labels)
        found = {one: _filled(none, one, wording) for one in self.templates}
        first = next(iter(found.values()))
        return tuple(found.get(prompt.template, first) for prompt in self.prompts)

    def _of(self, number: int, wording: str) -> Iterator[Prompt]:
        if PLACE in wording:
            yield _filled(number, wording, self.labels[number])
            return
        if wording.endswith(_ENDS):
            yield Prompt(number, wording, "", wording, "")
            return
        for template in self.templates:
            yield _filled(number, template, wording)

    def to_dict(self) -> dict[str, Any]:
        """Return labels and templates as plain data."""
        return {
            "labels": {
                name: list(wordings)
                for name, wordings in zip(self.labels, self.wordings, strict=True)
            },
            "template": list(self.templates),
        }


def _filled(label: int, template: str, wording: str) -> Prompt:
    before, after = template.split(PLACE)
    return Prompt(label, template, before, wording, after)


def _names(labels: Any, *, multi: bool) -> tuple[str, ...]:
    if isinstance(labels, str) or not isinstance(labels, Sequence | Mapping):
        raise LabelError(f"The labels are {labels!r}.", "A list of words was expected.", _EXAMPLE)
    names = tuple(labels)
    if wrong := [one for one in names if not isinstance(one, str) or not one.strip()]:
        raise LabelError(f"One label is {wrong[0]!r}.", "Each is a word or a few.", _EXAMPLE)
    seen: dict[str, str] = {}
    for name in names:
        if (key := " ".join(name.casefold().split())) in seen:
            again = f" (also written '{seen[key]}')" if seen[key] != name else ""
            raise LabelError(
                f"The label '{name}' stands twice{again}.",
                "Each label was expected once; two of a name share what is one label's.",
                _EXAMPLE,
            )
        seen[key] = name
    if len(names) < (1 if multi else 2):
        one = f"only '{names[0]}'" if names else "none"
        raise LabelError(
            f"Of labels there is {one}.",
            "Two at least were expected: with one there is nothing to choose, and it gets 1.0.",
            f"{_EXAMPLE}, or multi=True to judge one label by itself",
        )
    return names


def _wordings(name: str, given: Any) -> tuple[str, ...]:
    found = (given,) if isinstance(given, str) else given
    if (
        not isinstance(found, Sequence)
        or not found
        or not all(isinstance(one, str) and one.strip() for one in found)
    ):
        raise LabelError(
            f"For the label '{name}' there is {given!r}.",
            "Words for the template were expected, a sentence, or a list of such.",
            f'{{"{name}": ["{name}", "Det här är en text om {name}."], ...}}',
        )
    for one in found:
        if BLANK in one or PLACE in one:
            _template(one)
    return tuple(one.strip().replace(BLANK, PLACE) for one in found)


def _template(given: Any) -> str:
    found = given.replace(BLANK, PLACE) if isinstance(given, str) else None
    if found is None or found.count(PLACE) != 1:
        raise LabelError(
            f"The template is {given!r}.",
            "A sentence with {} once was expected, where a label belongs.",
            f'template="{TEMPLATE}"',
        )
    return str(found)
