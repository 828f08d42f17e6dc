"""The sentence encoder that comes as a package: what tests need of it."""

from __future__ import annotations

from importlib.util import find_spec

import pytest

from kblib.models.sentence_encoder_packaged import INSTALL, PACKAGE

needs_package = pytest.mark.skipif(
    find_spec(PACKAGE) is None, reason=f"the package {PACKAGE} is not installed: {INSTALL}"
)
