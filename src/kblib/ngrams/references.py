"""Hits for a reference manager: each line of a concordance as CSL-JSON or RIS, streamed."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from kblib.files import write_pieces
from kblib.ngrams.concordance import Concordance, time_code

WHERE = ("film", "reel", "medium", "collection", "page", "box")

KINDS = {
    "newsreel": ("motion_picture", "VIDEO"),
    "film": ("motion_picture", "VIDEO"),
    "newspaper": ("article-newspaper", "NEWS"),
    "report": ("report", "RPRT"),
    "web": ("webpage", "ELEC"),
    "radio": ("broadcast", "SOUND"),
    "postcard": ("graphic", "ART"),
}
"""Kinds of documents, as CSL 1.0.2 and RIS name them; the rest is a document."""
WHOLE_DATE = 3
OTHER_KIND = ("document", "GEN")


def csl_items(found: Concordance) -> Iterator[dict[str, Any]]:
    """Yield each hit as a CSL-JSON item: its document, with the line and the place in the note."""
    for row in _rows(found):
        item: dict[str, Any] = {
            "id": f"{row['id']}#{row['number']}",
            "type": KINDS.get(str(row.get("kind")), OTHER_KIND)[0],
            "title": row.get("title") or row["id"],
            "container-title": row.get("source"),
            "language": row.get("language"),
            "abstract": _line(row),
            "note": _place(row),
        }
        if row.get("year") is not None:
            item["issued"] = {"date-parts": [_date_parts(row)]}
        yield {key: value for key, value in item.items() if value}


def write_csl_json(found: Concordance, path: str | Path) -> Path:
    """Write all hits as CSL-JSON, which Zotero and pandoc read."""
    return _write(path, _json_list(csl_items(found)))


def write_ris(found: Concordance, path: str | Path) -> Path:
    """Write all hits as RIS, which EndNote, Mendeley and Zotero read."""
    return _write(path, map(_ris_record, _rows(found)))


def _json_list(items: Iterable[dict[str, Any]]) -> Iterator[str]:
    before = "[\n"
    for item in items:
        yield before + json.dumps(item, ensure_ascii=False, indent=1)
        before = ",\n"
    yield "[]\n" if before == "[\n" else "\n]\n"


def _write(path: str | Path, pieces: Iterable[str]) -> Path:
    target = Path(path).expanduser()
    write_pieces(target, (piece.encode("utf-8") for piece in pieces))
    return target


def _ris_record(row: dict[str, Any]) -> str:
    fields = [
        ("TY", KINDS.get(str(row.get("kind")), OTHER_KIND)[1]),
        ("ID", f"{row['id']}#{row['number']}"),
        ("TI", row.get("title") or row["id"]),
        ("T2", row.get("source")),
        ("PY", row.get("year")),
        ("DA", _day(row)),
        ("LA", row.get("language")),
        ("AB", _line(row)),
        ("N1", _place(row)),
        ("ER", ""),
    ]
    given = ((tag, " ".join(str(value).split())) for tag, value in fields if value is not None)
    return "".join(f"{tag}  - {value}\r\n" for tag, value in given if value or tag == "ER")


def _rows(found: Concordance) -> Iterator[dict[str, Any]]:
    for batch in found.batches():
        yield from batch.iter_rows(named=True)


def _line(row: dict[str, Any]) -> str:
    return " ".join(part for part in (row["left"], f"[{row['hit']}]", row["right"]) if part)


def _place(row: dict[str, Any]) -> str:
    parts = [f"{name}: {row[name]}" for name in WHERE if row.get(name) not in (None, "")]
    if row.get("start_s") is not None:
        ends = [code for code in (time_code(row["start_s"]), time_code(row.get("end_s"))) if code]
        parts.append(f"time: {'-'.join(ends)}")
    if row.get("licence"):
        parts.append(f"licence: {row['licence']}")
    return "; ".join(parts)


def _day(row: dict[str, Any]) -> str | None:
    """Return a whole date as RIS writes it, or None where only the year is known."""
    parts = [] if row.get("year") is None else _date_parts(row)
    return "/".join(f"{part:02d}" for part in parts) + "/" if len(parts) == WHOLE_DATE else None


def _date_parts(row: dict[str, Any]) -> list[int]:
    parts = str(row.get("date") or "").split("-")
    if all(part.isdigit() for part in parts) and int(parts[0]) == row["year"]:
        return [int(part) for part in parts]
    return [int(row["year"])]
