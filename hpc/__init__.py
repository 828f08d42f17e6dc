"""Machines: what the project knows of the computers it runs on; read by ``kblib.sites``."""
