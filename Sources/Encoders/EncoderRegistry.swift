import Checkpoints
import Files
import Tensors

/// The encoders by name.
public enum EncoderRegistry {
    /// The names that `make` knows.
    public static let names = ["inception-v3", "rad-dino"]

    /// Loads an encoder.
    /// - Parameters:
    ///   - name: one of `names`.
    ///   - weights: a file or folder, a Hub name found in the local Hugging Face cache, or a file name found in torch
    ///     hub's checkpoints; nil is the encoder's usual one.
    ///   - dtype: the compute dtype, f32 or bf16.
    /// - Throws: `TensorError.value` for an unknown name, `CheckpointError.notFound` where the weights are absent, and
    ///   what loading them throws.
    public static func make(_ name: String, weights: String? = nil, dtype: DType = .f32) throws -> any Encoder {
        guard dtype == .f32 || dtype == .bf16 else {
            throw TensorError.dtype(operation: name, message: "an encoder computes in f32 or bf16, not \(dtype)")
        }
        switch name {
        case "inception-v3": return try InceptionEncoder(weights: weights ?? InceptionEncoder.weightsFile, dtype: dtype)
        case "rad-dino": return try RadDINO(weights: weights ?? RadDINO.hubName, dtype: dtype)
        default:
            let near = nearest(name, among: names).map { "; did you mean \($0)?" } ?? ""
            throw TensorError.value(
                operation: "encoder", message: "no encoder \"\(name)\"; known: \(names.joined(separator: ", "))\(near)")
        }
    }

    /// Finds weights; the error of missing ones ends with how to get them.
    static func locate(_ weights: String, file: String?, hint: String) throws -> String {
        do {
            return try HubCache.locate(weights, file: file)
        } catch CheckpointError.notFound(let what, let looked, let usual) {
            throw CheckpointError.notFound(
                what: what, lookedIn: looked,
                hint: usual.isEmpty || usual.contains(hint) ? hint : "\(usual) Or: \(hint)")
        }
    }
}
