"""Machines: what the project knows about the computers it runs on. Data only; read by ``kblib.sites``."""
