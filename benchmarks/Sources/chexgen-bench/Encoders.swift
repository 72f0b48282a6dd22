import Checkpoints
import Encoders
import Tensors

/// `ENCODER WEIGHTS DTYPE INPUT.npy`: features of a batch that is ready in memory.
func benchEncoders(_ arguments: [String]) throws {
    guard arguments.count == 4 else { throw Usage() }
    let encoder = try EncoderRegistry.standard.make(
        arguments[0], weights: arguments[1], dtype: dtype(arguments, 2))
    let input = try NumPyFile.load(arguments[3])
    // The first pass packs the weights, as the peers' first does.
    _ = try encoder.forward(input)
    try serve {
        _ = try encoder.forward(input)
        return []
    }
}
