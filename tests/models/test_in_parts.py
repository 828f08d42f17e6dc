"""Models built and opened part by part: the same weights, and never all of them at once."""

from __future__ import annotations

import weakref
from collections.abc import Iterable
from functools import partial
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from transformers import PreTrainedModel

from kblib.errors import IntegrityError, ModelError
from kblib.models import continued_in_parts, in_parts
from kblib.models.build import build_model
from kblib.models.continued import open_to_train
from kblib.models.continued_in_parts import open_in_parts
from kblib.models.in_parts import StoredWeights, build_in_parts
from kblib.models.shape import ARCHITECTURES, ModelShape
from kblib.planner.host import first_weights_bytes

LAYERS = 6


class Hands:
    """Keeps what is handed out aside, and lets go of it, as a rank does that shares weights."""

    def __init__(self) -> None:
        self.kept: dict[int, Tensor] = {}

    def __call__(self, parameters: Iterable[nn.Parameter]) -> None:
        for parameter in parameters:
            if id(parameter) not in self.kept:
                self.kept[id(parameter)] = parameter.detach().clone()
                parameter.data = torch.empty(0)

    def weights_of(self, model: PreTrainedModel) -> dict[str, Tensor]:
        return {name: self.kept[id(one)] for name, one in model.named_parameters()}


def shape_of(architecture: str) -> ModelShape:
    return ModelShape(
        LAYERS,
        2,
        32,
        architecture=architecture,
        vocab_size=100,
        seq_len=16,  # type: ignore[arg-type]
    )


def built(architecture: str, seed: int = 3) -> PreTrainedModel:
    return build_model(shape_of(architecture), dropout=0.0, seed=seed)


def equal(one: dict[str, Tensor], other: dict[str, Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


def whole(model: PreTrainedModel) -> dict[str, Tensor]:
    return {name: value.detach() for name, value in model.named_parameters()}


@pytest.fixture(scope="module", params=ARCHITECTURES)
def saved(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give the folder of a model of each layout, saved by transformers."""
    folder = tmp_path_factory.mktemp("saved") / request.param
    built(request.param, seed=8).save_pretrained(folder)
    return folder


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_drawn_weights_are_those_of_a_model_built_whole(architecture: str) -> None:
    hands = Hands()
    before = torch.random.get_rng_state()
    model = build_in_parts(partial(built, architecture), hands)
    assert torch.equal(torch.random.get_rng_state(), before)
    outside = [value for value in model.parameters() if value.numel()]
    assert 0 < sum(value.numel() for value in outside) < shape_of(architecture).parameters() / 2
    hands(model.parameters())
    expected = built(architecture)
    assert equal(hands.weights_of(model), whole(expected))
    buffers = dict(model.named_buffers())
    assert equal(buffers, dict(expected.named_buffers()))


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_no_more_than_one_layer_is_whole_at_once(
    architecture: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the storages of parameters alive whenever one is given memory, as the planner counts."""
    given: weakref.WeakValueDictionary[int, nn.Parameter] = weakref.WeakValueDictionary()
    alive: list[int] = []
    plain = in_parts._take_memory

    def noted(parameter: nn.Parameter) -> None:
        plain(parameter)
        given[id(parameter)] = parameter
        storages = {one.untyped_storage() for one in given.values()}
        alive.append(sum(one.nbytes() for one in storages))

    monkeypatch.setattr(in_parts, "_take_memory", noted)
    hands = Hands()
    hands(build_in_parts(partial(built, architecture), hands).parameters())
    shape = shape_of(architecture)
    assert max(alive) == pytest.approx(first_weights_bytes(shape, zero=3), rel=0.05)
    assert max(alive) < first_weights_bytes(shape, zero=2) / 2


def test_model_is_built_as_usual_afterwards() -> None:
    build_in_parts(partial(built, "bert"), Hands())
    assert not any(value.is_meta for value in built("bert").parameters())
    with pytest.raises(ZeroDivisionError):
        build_in_parts(lambda: 1 / 0, Hands())  # type: ignore[arg-type, return-value]
    assert not any(value.is_meta for value in built("llama").parameters())


def test_saved_weights_are_opened_one_by_one(saved: Path) -> None:
    hands, sizes = Hands(), []

    def one_at_a_time(parameters: Iterable[nn.Parameter]) -> None:
        held = list(parameters)
        sizes.append(len(held))
        hands(held)

    shape = shape_of(saved.name)
    model = open_in_parts(saved, shape, one_at_a_time, reads=True)
    expected = open_to_train(saved, shape)
    assert set(sizes) == {1}
    assert equal(hands.weights_of(model), whole(expected))
    assert equal(dict(model.named_buffers()), dict(expected.named_buffers()))
    told, wanted = model.config.to_dict(), expected.config.to_dict()
    assert {k: v for k, v in told.items() if v != wanted.get(k)} == {}


def test_rank_that_does_not_read_hands_out_in_the_same_order(saved: Path) -> None:
    orders = []
    for reads in (True, False):
        shapes: list[tuple[int, ...]] = []
        hand_out = lambda found, shapes=shapes: shapes.extend(tuple(one.shape) for one in found)  # noqa: E731
        open_in_parts(saved, shape_of(saved.name), hand_out, dropout=0.0, reads=reads)
        orders.append(shapes)
    assert orders[0] == orders[1]


OLDER = {"LayerNorm.weight": "LayerNorm.gamma", "LayerNorm.bias": "LayerNorm.beta"}


@pytest.mark.parametrize(
    ("changes", "whole_at_once"), [(OLDER, False), ({"bert.": ""}, True)], ids=["older", "bare"]
)
def test_weights_by_other_names_are_found(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    changes: dict[str, str],
    whole_at_once: bool,
) -> None:
    """Files from before 2023 say gamma and beta; those without a prefix are opened as a whole."""
    folder = tmp_path / "old"
    built("bert", seed=8).save_pretrained(folder)
    stored = load_file(folder / "model.safetensors")
    other = {renamed(name, changes): value for name, value in stored.items()}
    assert other.keys() != stored.keys()
    save_file(other, folder / "model.safetensors", metadata={"format": "pt"})
    opened: list[Path] = []
    monkeypatch.setattr(
        continued_in_parts,
        "open_to_train",
        lambda at, *rest, **more: opened.append(at) or open_to_train(at, *rest, **more),
    )
    hands = Hands()
    model = open_in_parts(folder, shape_of("bert"), hands, reads=True)
    assert equal(hands.weights_of(model), whole(built("bert", seed=8)))
    assert opened == ([folder] if whole_at_once else [])


def renamed(name: str, changes: dict[str, str]) -> str:
    for old, new in changes.items():
        name = name.replace(old, new)
    return name


def test_weights_in_several_files_are_one_model(saved: Path, tmp_path: Path) -> None:
    model = built(saved.name)
    model.save_pretrained(tmp_path, max_shard_size="40KB")
    assert len(list(tmp_path.glob("*.safetensors"))) > 1
    with StoredWeights(tmp_path, model) as stored:
        assert stored.are_those_of(model)
        assert set(stored) == set(whole(model))
        assert len(stored) == len(whole(model))


def test_other_size_is_told_on_every_rank(saved: Path) -> None:
    wider = ModelShape(
        LAYERS + 1,
        2,
        32,
        architecture=saved.name,
        vocab_size=100,
        seq_len=16,  # type: ignore[arg-type]
    )
    for reads in (True, False):
        with pytest.raises(ModelError, match="was expected"):
            open_in_parts(saved, wider, Hands(), reads=reads)


def test_damaged_file_is_told_on_every_rank(tmp_path: Path) -> None:
    built("bert").save_pretrained(tmp_path)
    (tmp_path / "model.safetensors").write_bytes(b"nothing")
    for reads in (True, False):
        with pytest.raises(IntegrityError, match="no readable header"):
            open_in_parts(tmp_path, shape_of("bert"), Hands(), reads=reads)
