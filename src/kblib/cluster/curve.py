"""The curve of a run: its journal as a table, where attempts overlap and spikes are undone."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import pandas as pd

COLUMNS = ("step", "loss", "learning_rate", "grad_norm", "tokens", "tokens_per_s", "attempt")
"""Of a run that has not begun."""


def metrics_table(records: Iterable[Mapping[str, Any]]) -> pd.DataFrame:
    """Return one row a step that was trained or evaluated, in order.

    Parameters
    ----------
    records
        Lines of the metrics journal, as they were written. Where attempts overlap the latest
        counts; what was learnt between a spike and the checkpoint before it is left out.
    """
    merged: dict[int, dict[str, Any]] = {}
    for record in records:
        if record.get("event") == "spike":
            back = record["back_to"] or record["step"]
            merged = {step: one for step, one in merged.items() if step <= back}
        elif "step" in record and "event" not in record:
            known = merged.get(record["step"], {})
            kept = known if known.get("attempt") == record.get("attempt") else {}
            merged[record["step"]] = {**kept, **record}
    rows = [merged[step] for step in sorted(merged)]
    return pd.DataFrame(rows) if rows else pd.DataFrame(columns=list(COLUMNS))
