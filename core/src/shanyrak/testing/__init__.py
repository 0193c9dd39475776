"""What the core ships to the authors of plugins for their tests."""
