"""Floor 1: labels that people gave, read from files or kept as they are given; who agrees."""

from __future__ import annotations

from kblib.labels.agreement import krippendorff_alpha
from kblib.labels.given import GivenLabels
from kblib.labels.labelled import Labels
from kblib.labels.merged import merge_labels
from kblib.labels.reading import read_labels

__all__ = ["GivenLabels", "Labels", "krippendorff_alpha", "merge_labels", "read_labels"]
