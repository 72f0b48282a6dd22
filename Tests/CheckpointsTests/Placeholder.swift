import Testing

@Suite struct CheckpointsPlaceholder {}
