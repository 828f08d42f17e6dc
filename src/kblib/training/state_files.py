"""The state of a training in pieces by parameter name, in safetensors files, one a rank.

A piece is a stretch of one flattened parameter: its weights, and what the optimiser remembers of
them. Who reads takes the stretches it needs from whatever files hold them, so a run goes on with
another number of ranks, or another way of sharing out, and with equal numbers. Nothing is pickled,
and each rank computes the checksum of its file while it writes.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from types import TracebackType
from typing import Any

import torch
from safetensors import safe_open
from torch import Tensor

from kblib.errors import IntegrityError
from kblib.files import read_json, write_json

LAYOUT = "layout.json"
_SHARDS = "rank-*.safetensors"
_NAMES = {torch.float32: "F32", torch.float16: "F16", torch.bfloat16: "BF16", torch.int64: "I64"}
"""Number types by the names that safetensors has for them."""

Sums = dict[str, dict[str, Any]]
"""Bytes and SHA-256 of files by name, as a manifest lists them."""


@dataclass(frozen=True)
class Piece:
    """A stretch of one parameter that this rank keeps.

    Parameters
    ----------
    name
        Of the parameter.
    start, numel
        Where in the flattened parameter it begins, and how many numbers it has.
    flat
        The optimiser's own float32 tensor that it is part of, one-dimensional or not.
    offset
        Where in `flat`, flattened, it begins.
    """

    name: str
    start: int
    numel: int
    flat: Tensor
    offset: int

    def of(self, tensor: Tensor) -> Tensor:
        """Return this stretch of a tensor that lies as `flat` does, as a view."""
        return tensor.detach().view(-1).narrow(0, self.offset, self.numel)


def write_tensors(path: Path, tensors: Mapping[str, Tensor]) -> Sums:
    """Write a safetensors file, to the disk itself; return its bytes and SHA-256 by its name."""
    digest, size = hashlib.sha256(), 0
    with open(path, "wb") as file:
        for chunk in _chunks(tensors):
            file.write(chunk)
            digest.update(chunk)
            size += len(chunk)
        file.flush()
        os.fsync(file.fileno())
    return {path.name: {"bytes": size, "sha256": digest.hexdigest()}}


def _chunks(tensors: Mapping[str, Tensor]) -> Iterator[memoryview | bytes]:
    """Yield the header of a safetensors file, then each tensor, without a copy of all of them."""
    header: dict[str, Any] = {}
    at = 0
    for name, tensor in tensors.items():
        end = at + tensor.numel() * tensor.element_size()
        header[name] = {
            "dtype": _NAMES[tensor.dtype],
            "shape": list(tensor.shape),
            "data_offsets": [at, end],
        }
        at = end
    said = json.dumps(header).encode()
    said += b" " * (-len(said) % 8)
    yield len(said).to_bytes(8, "little") + said
    for tensor in tensors.values():
        if tensor.numel():
            plain = tensor.detach().cpu().contiguous().view(-1).view(torch.uint8)
            yield plain.numpy().data


def shard_name(rank: int) -> str:
    """Return the name of a rank's file."""
    return f"rank-{rank:05d}.safetensors"


def key_of(part: str, name: str, start: int) -> str:
    """Return what a stretch is called in a file: ``exp_avg/layer.weight@4096``."""
    return f"{part}/{name}@{start}"


def write_layout(
    folder: Path, shapes: Mapping[str, tuple[int, ...]], about: Mapping[str, Any]
) -> Sums:
    """Write which parameters there are, in what shape; rank 0 does so for all."""
    content = {**about, "parameters": {name: list(shape) for name, shape in shapes.items()}}
    path = folder / LAYOUT
    write_json(path, content)
    raw = path.read_bytes()
    return {LAYOUT: {"bytes": len(raw), "sha256": hashlib.sha256(raw).hexdigest()}}


def check_same_model(folder: Path, shapes: Mapping[str, tuple[int, ...]]) -> dict[str, Any]:
    """Return the layout of a checkpoint that is of a model with these parameters.

    Raises
    ------
    IntegrityError
        Naming the first parameter that differs, and how many do.
    """
    layout = read_json(folder / LAYOUT)
    have = {name: tuple(shape) for name, shape in layout["parameters"].items()}
    refuse_other_model(folder, shapes, have)
    return layout


def refuse_other_model(
    folder: Path, want: Mapping[str, tuple[int, ...]], have: Mapping[str, tuple[int, ...]]
) -> None:
    """Compare the parameters of a job's model with those of a checkpoint.

    Raises
    ------
    IntegrityError
        If they are not the same.
    """
    other = sorted(name for name in want.keys() | have.keys() if want.get(name) != have.get(name))
    if not other:
        return
    name = other[0]
    raise IntegrityError(
        f"{folder} holds another model: {name} is {have.get(name, 'absent')} there.",
        f"This job's model has {want.get(name, 'no such parameter')}; {len(other)} differ.",
        "Start anew with kb.submit(job, fresh=True).",
    )


class StateReader:
    """Stretches of parameters, from whatever files of a checkpoint hold them.

    Parameters
    ----------
    folder
        A checkpoint that was compared with its manifest.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._open = ExitStack()
        self._where: dict[tuple[str, str], list[tuple[int, Any]]] = {}

    def __enter__(self) -> StateReader:
        for path in sorted(self.folder.glob(_SHARDS)):
            file = self._open.enter_context(safe_open(path, framework="pt"))
            for key in file.keys():  # noqa: SIM118  # no mapping
                part, rest = key.split("/", 1)
                name, _, start = rest.rpartition("@")
                places = self._where.setdefault((part, name), [])
                places.append((int(start), file.get_slice(key)))
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self._open.close()

    def check_complete(self, shapes: Mapping[str, tuple[int, ...]], parts: Sequence[str]) -> None:
        """Compare what the headers list with what there should be: each rank sees the same.

        Parameters
        ----------
        shapes
            Of all parameters.
        parts
            What there should be of each: its weights, and what the optimiser remembers of it.

        Raises
        ------
        IntegrityError
            If a rank's file is gone, or does not hold what it should.
        """
        for part, (name, shape) in product(parts, shapes.items()):
            places = self._where.get((part, name), ())
            have = sum(stretch.get_shape()[0] for _, stretch in places)
            if have != math.prod(shape):
                raise IntegrityError(
                    f"{self.folder} holds {have} of {math.prod(shape)} numbers of {name} ({part}).",
                    "The files of all ranks together should hold each number once.",
                    "Start anew with kb.submit(job, fresh=True).",
                )

    def read(self, part: str, name: str, start: int, numel: int) -> Tensor:
        """Return a stretch of a parameter's weights, or of what the optimiser remembers of them."""
        found = torch.empty(numel, dtype=torch.float32)
        for first, stretch in self._where[part, name]:
            low, high = max(start, first), min(start + numel, first + stretch.get_shape()[0])
            if low < high:
                found[low - start : high - start] = stretch[low - first : high - first]
        return found
