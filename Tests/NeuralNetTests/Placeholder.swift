import Testing

@Suite struct NeuralNetPlaceholder {}
