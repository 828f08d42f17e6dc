"""Models built, or opened, part by part, for ranks none of which shall hold all of one.

A part is whole for a moment only: it gets its weights, and is handed out. What is handed out is up
to the caller; a rank of ZeRO stage 3 keeps its share and lets go of the rest. The weights are those
of a model that is built whole, bit by bit: the same numbers are drawn in the same order.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any

import torch
from safetensors import safe_open
from torch import Tensor, nn
from torch.utils import swap_tensors
from torch.utils._python_dispatch import TorchDispatchMode
from transformers import PreTrainedModel
from transformers.conversion_mapping import get_model_conversion_mapping
from transformers.core_model_loading import WeightRenaming
from transformers.modeling_layers import GradientCheckpointingLayer

HandOut = Callable[[Iterable[nn.Parameter]], None]
"""Takes parameters that are whole; what it leaves of them is its own affair."""


def build_in_parts(make: Callable[[], PreTrainedModel], hand_out: HandOut) -> PreTrainedModel:
    """Build a model with random weights; each layer is handed out as soon as it has its own.

    Parameters
    ----------
    make
        Builds the model, as for a single process.
    hand_out
        Gets the parameters of each layer.

    Returns
    -------
    PreTrainedModel
        What lies outside its layers (embeddings, head, last norm) is whole still: there may be more
        to write into it. The caller hands that out.
    """
    drawn = _DrawnAllTheSame()  # type: ignore[no-untyped-call]
    with _without_memory(), drawn, _initialised(_then(hand_out)):
        return make()


def lay_out(make: Callable[[], PreTrainedModel]) -> PreTrainedModel:
    """Build a model none of whose parameters takes memory; its buffers are real."""
    with _without_memory(), _initialised(lambda _, give: give()):
        return make()


def fill_in_parts(
    model: PreTrainedModel, weights: Mapping[str, Tensor] | None, hand_out: HandOut
) -> None:
    """Give a model that was only laid out its weights, and hand out one parameter at a time.

    Parameters
    ----------
    weights
        By name. None where another rank has them: what is handed out then holds anything.
    """
    for name, parameter in model.named_parameters():
        _take_memory(parameter)
        if weights is not None:
            with torch.no_grad():
                parameter.copy_(weights[name])
        hand_out([parameter])


class StoredWeights(Mapping[str, Tensor]):
    """The weights of a model in a folder of safetensors, each read when it is asked for.

    Parameters
    ----------
    folder
        A saved model, in one file or several.
    model
        Whose names the weights are asked for by; in the files transformers calls some otherwise.
    """

    def __init__(self, folder: Path, model: PreTrainedModel) -> None:
        self._open = ExitStack()
        self._places: dict[str, tuple[Any, str]] = {}
        renamings = [
            one for one in get_model_conversion_mapping(model) if isinstance(one, WeightRenaming)
        ]
        for path in sorted(folder.glob("*.safetensors")):
            file = self._open.enter_context(safe_open(path, framework="pt"))
            for key in file.keys():  # noqa: SIM118  # no mapping
                self._places[_renamed(key, renamings)] = (file, key)

    def __enter__(self) -> StoredWeights:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self._open.close()

    def __getitem__(self, name: str) -> Tensor:
        file, key = self._places[name]
        found: Tensor = file.get_tensor(key)
        return found

    def __iter__(self) -> Iterator[str]:
        return iter(self._places)

    def __len__(self) -> int:
        return len(self._places)

    def are_those_of(self, model: nn.Module) -> bool:
        """Say whether each parameter is here, and in its own shape."""
        return all(
            name in self._places and self._shape(name) == tuple(parameter.shape)
            for name, parameter in model.named_parameters()
        )

    def _shape(self, name: str) -> tuple[int, ...]:
        file, key = self._places[name]
        return tuple(file.get_slice(key).get_shape())


def _renamed(key: str, renamings: Iterable[WeightRenaming]) -> str:
    for renaming in renamings:
        key, _ = renaming.rename_source_key(key)
    return key


Initialise = Callable[[nn.Module, Callable[[], None]], object]
"""Takes a module that is about to get its weights, and what gives it them."""


def _then(hand_out: HandOut) -> Initialise:
    def initialise(module: nn.Module, give: Callable[[], None]) -> None:
        for parameter in module.parameters(recurse=False):
            _take_memory(parameter)
        give()
        if isinstance(module, GradientCheckpointingLayer):  # what transformers calls a layer
            hand_out(module.parameters())

    return initialise


@contextmanager
def _initialised(initialise: Initialise) -> Iterator[None]:
    """Let `initialise` go between transformers and each module it gives its first weights.

    transformers goes from the leaves up, and comes by a second time where a model is in another.
    """
    plain = PreTrainedModel._initialize_weights

    def between(model: PreTrainedModel, module: nn.Module, is_custom_code: bool = False) -> None:
        if getattr(module, "_is_hf_initialized", False):
            return
        initialise(module, lambda: plain(model, module, is_custom_code))
        module._is_hf_initialized = True  # type: ignore[assignment]  # transformers' own mark

    PreTrainedModel._initialize_weights = between  # type: ignore[assignment, method-assign]
    try:
        yield
    finally:
        PreTrainedModel._initialize_weights = plain  # type: ignore[method-assign]


@contextmanager
def _without_memory() -> Iterator[None]:
    """Keep the shape of each new parameter only; buffers, which are worked out at once, stay."""
    plain = nn.Module.register_parameter
    seen: dict[int, nn.Parameter] = {}  # ties register one a second time: it stays the same

    def register(module: nn.Module, name: str, parameter: nn.Parameter | None) -> None:
        if parameter is not None and id(parameter) not in seen:
            parameter = nn.Parameter(parameter.detach().to("meta"), parameter.requires_grad)
            seen[id(parameter)] = parameter
        plain(module, name, parameter)

    nn.Module.register_parameter = register  # type: ignore[assignment, method-assign]
    try:
        yield
    finally:
        nn.Module.register_parameter = plain  # type: ignore[method-assign]


def _take_memory(parameter: nn.Parameter) -> None:
    """Give a parameter memory; it stays the same object, in all the places it is tied to."""
    if parameter.is_meta:
        real = torch.empty_like(parameter, device="cpu")
        swap_tensors(  # type: ignore[no-untyped-call]
            parameter, nn.Parameter(real, parameter.requires_grad)
        )


class _DrawnAllTheSame(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Draws what torch's modules draw when they are made, also where there is no memory for it.

    transformers draws anew; what it draws depends on how much was drawn before.
    """

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Any = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        drawn = func in (torch.ops.aten.uniform_.default, torch.ops.aten.normal_.default)
        if drawn and args[0].is_meta:
            func(torch.empty_like(args[0], device="cpu"), *args[1:], **(kwargs or {}))
            return args[0]
        return func(*args, **(kwargs or {}))
