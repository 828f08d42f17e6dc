"""What the baselines are tried on."""

from __future__ import annotations

import pytest

from kblib.labels.parts import Parts
from tests.baselines.made import passages, tagged, weather


@pytest.fixture(scope="session")
def parts() -> Parts:
    return weather()


@pytest.fixture(scope="session")
def pairs() -> Parts:
    return passages()


@pytest.fixture(scope="session")
def words() -> Parts:
    return tagged()
