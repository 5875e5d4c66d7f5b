"""What the boards are put through."""
