"""Models by name: what is known about them, and where they lie on this machine.

A name is looked up as a folder, then in the model folders of the settings, then in the Hugging Face
cache, and only then asked of the model hub, if it answers at once. Nothing here imports torch or
transformers.
"""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from kblib import settings
from kblib.errors import IntegrityError, ModelError
from kblib.files import MANIFEST, read_json
from kblib.models import hub
from kblib.models.sentence_encoder_packaged import LICENCE as PACKAGE_LICENCE
from kblib.models.sentence_encoder_packaged import PACKAGE, VERSION, is_installed
from kblib.models.shape import ModelShape

if TYPE_CHECKING:
    import pandas as pd

EMBEDDED = "kb-mini-masked"
EMBEDDED_CAUSAL = "kb-mini-causal"
NO_LICENCE = "none stated on the card"
CONFIG = "config.json"


@dataclass(frozen=True)
class CatalogEntry:
    """What is known about a model.

    Parameters
    ----------
    name
        Name on the model hub, of a folder among the model folders, or of a package.
    what
        One line for a reader who chooses.
    task
        What it is used for here.
    architecture
        Layout, by transformers' name.
    parameters
        How many; None where the folder itself says so.
    licence
        As stated by its makers.
    parent
        Model it was made from; None if it was trained from nothing.
    source
        Where these facts are from.
    shape
        Its sizes, for the layouts this project can build.
    """

    name: str
    what: str
    task: str
    architecture: str
    parameters: int | None
    licence: str
    parent: str | None
    source: str
    shape: ModelShape | None = None


def _of_shape(name: str, shape: ModelShape, **facts: str) -> CatalogEntry:
    known = {"architecture": shape.architecture, "parameters": shape.parameters(), "parent": None}
    return CatalogEntry(name=name, shape=shape, **known, **facts)  # type: ignore[arg-type]


CATALOG: tuple[CatalogEntry, ...] = (
    CatalogEntry(
        name=EMBEDDED,
        what="small Swedish model of newsreel speech, made by this project",
        task="fill a blank",
        architecture="modernbert",
        parameters=None,
        licence="CC-BY-NC-4.0",
        parent=None,
        source=f"models/{EMBEDDED}/README.md",
    ),
    CatalogEntry(
        name=EMBEDDED_CAUSAL,
        what="small Swedish GPT of newsreel speech, made by this project",
        task="continue a text",
        architecture="gpt_neox",
        parameters=None,
        licence="CC-BY-NC-4.0",
        parent=None,
        source=f"models/{EMBEDDED_CAUSAL}/README.md",
    ),
    _of_shape(
        "KB/bert-base-swedish-cased",
        ModelShape(12, 12, 768, architecture="bert", vocab_size=50325),
        what="Swedish BERT: books, news, government, Wikipedia, forums",
        task="fill a blank",
        licence=NO_LICENCE,
        source="model card; Malmsten, Börjeson and Haffenden (2020), arXiv 2007.01658",
    ),
    CatalogEntry(
        name="KBLab/megatron-bert-large-swedish-cased-165-zero-shot",
        what="labels a Swedish text with labels it never saw",
        task="zero-shot labels",
        architecture="megatron-bert",
        parameters=370_000_000,
        licence=NO_LICENCE,
        parent="KBLab/megatron-bert-large-swedish-cased-165k",
        source="model card; KBLab blog, 2023-02-12",
    ),
    CatalogEntry(
        name="KBLab/sentence-bert-swedish-cased",
        what="Swedish sentences as vectors, for search and likeness",
        task="sentence vectors",
        architecture="bert",
        parameters=124_690_944,  # of the parent, without the language-model head, with the pooler
        licence="Apache-2.0",
        parent="KB/bert-base-swedish-cased",
        source="model card; KBLab blog, 2023-01-16",
    ),
    CatalogEntry(
        name=PACKAGE,
        what="sentences of many languages, Swedish too, as vectors; frozen, in 4 bits",
        task="sentence vectors",
        architecture="bert",
        parameters=117_653_760,  # of the parent: 12 layers of 384, 250,037 pieces, with the pooler
        licence=PACKAGE_LICENCE,
        parent="intfloat/multilingual-e5-small",
        source=f"package {PACKAGE} {VERSION}; Wang et al. (2024), arXiv 2402.05672",
    ),
    CatalogEntry(
        name="KBLab/kb-whisper-small",
        what="Swedish speech to text, trained on 50,000 hours",
        task="speech to text",
        architecture="whisper",
        parameters=244_000_000,  # Radford et al. (2022), table 1
        licence="Apache-2.0",
        parent="openai/whisper-small",
        source="model card; KBLab blog, 2025-03-07",
    ),
    _of_shape(
        "EleutherAI/gpt-neox-20b",
        ModelShape(44, 64, 6144, architecture="gpt_neox", vocab_size=50432, seq_len=2048),
        what="continues English text and code",
        task="continue a text",
        licence="Apache-2.0",
        source="gpt-neox configs/20B.yml; Black et al. (2022), arXiv 2204.06745",
    ),
    _of_shape(
        "openlm-research/open_llama_7b",
        ModelShape(32, 32, 4096, "llama", vocab_size=32000, seq_len=2048, n_inner=11008),
        what="continues English text; an open reproduction of LLaMA",
        task="continue a text",
        licence="Apache-2.0",
        source="openlm-research/open_llama README",
    ),
    _of_shape(
        "openlm-research/open_llama_3b",
        ModelShape(26, 32, 3200, "llama", vocab_size=32000, seq_len=2048, n_inner=8640),
        what="continues English text; the smaller reproduction",
        task="continue a text",
        licence="Apache-2.0",
        source="openlm-research/open_llama README",
    ),
)


def catalog() -> pd.DataFrame:
    """Return the catalog as a table, a row a model; ``here`` says whether it is on this machine."""
    import pandas as pd  # half a second, and most callers only want a path

    columns = ("name", "what", "task", "architecture", "parameters", "licence", "parent", "source")
    rows = []
    for entry in CATALOG:
        folder = local_folder(entry.name)
        row = {column: getattr(entry, column) for column in columns}
        if row["parameters"] is None and folder is not None:
            row["parameters"] = _manifest(folder).get("parameters")
        here = is_installed() if entry.name == PACKAGE else folder is not None
        rows.append({**row, "here": here})
    table = pd.DataFrame(rows, columns=[*columns, "here"])
    return table.astype({"parameters": "Int64"})


def entry_of(name: str) -> CatalogEntry | None:
    """Return what the catalog knows about a name, or None."""
    return next((entry for entry in CATALOG if entry.name == name), None)


def local_folder(name: str | Path) -> Path | None:
    """Return the folder of a model on this machine, or None; never asks the network."""
    path = Path(name).expanduser()
    if (path / CONFIG).is_file():
        return path.resolve()
    for folder in settings.model_folders():
        if not path.is_absolute() and (folder / path / CONFIG).is_file():
            return folder / path
    return hub.cached(str(name))


def find_model(name: str | Path) -> Path:
    """Return the folder of a model, fetched from the model hub if need be and it answers at once.

    Parameters
    ----------
    name
        A folder; a name in the model folders, such as ``kb-mini-masked``; or a name on the model
        hub, such as ``KB/bert-base-swedish-cased``.

    Raises
    ------
    ModelError
        If there is no such model, or it is on the hub only and the hub cannot be reached: within
        two seconds, and without taking another model in its place.
    """
    folder = local_folder(name)
    if folder is not None:
        return folder
    if name == PACKAGE:
        raise ModelError(
            f"'{PACKAGE}' is a package and no model folder: it gives vectors of sentences alone.",
            "It is frozen, and known by kb.ZeroShotClassifier and kb.FewShotClassifier.",
            f'kb.FewShotClassifier.train(labels, "{PACKAGE}")',
        )
    if Path(name).expanduser().is_dir():
        raise ModelError(
            f"The folder {name} holds no {CONFIG}.",
            "A model folder has one beside its weights.",
            f"Models here: {', '.join(_names_here()) or 'none yet'}.",
        )
    if isinstance(name, Path) or not hub.looks_like_hub_name(name):
        raise _unknown(str(name))
    return hub.fetch(name)


def _unknown(name: str) -> ModelError:
    here, listed = _names_here(), [entry.name for entry in CATALOG]
    near = difflib.get_close_matches(name, [*here, *listed], n=1, cutoff=0.5)
    return ModelError(
        f"No model named '{name}'.",
        f"On this machine: {', '.join(here) or 'none yet'}. In the catalog: {', '.join(listed)}.",
        f"Did you mean '{near[0]}'?" if near else "A saved model can also be named by its folder.",
    )


def _names_here() -> list[str]:
    found = []
    for folder in settings.model_folders():
        if folder.is_dir():
            found += sorted(path.parent.name for path in folder.glob(f"*/{CONFIG}"))
    return list(dict.fromkeys(found))


def _manifest(folder: Path) -> dict[str, int]:
    try:
        return read_json(folder / MANIFEST)
    except IntegrityError:
        return {}
