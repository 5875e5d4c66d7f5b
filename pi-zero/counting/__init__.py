"""What jarvis-node costs on a Pi Zero, in instructions, which any machine counts alike: the parts of count.sh."""
