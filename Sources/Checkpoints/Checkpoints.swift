// The Checkpoints room.
