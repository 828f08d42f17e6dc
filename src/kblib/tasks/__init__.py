"""Example tasks, made from the embedded newsreels."""
