"""Floor 4: models that are taught a task by labels."""
