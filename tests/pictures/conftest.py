"""The stand-ins of the view tests, shown here."""

from tests.views.conftest import films, grip, run  # noqa: F401
