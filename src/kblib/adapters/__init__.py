"""Adapters: a few trained numbers beside a frozen model (LoRA). Import the module you need."""
