"""The films and the small masked model of the ladder's tests."""

from tests.ladder.conftest import masked, newsreels, wordpiece  # noqa: F401
