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

    /// The names and shapes of all tensors that an encoder's weight file must hold.
    /// - Parameter config: the folder of rad-dino's `config.json`; the other encoder has no variants.
    /// - Throws: `TensorError.value` for an unknown name or a missing config; what reading the config throws.
    public static func parameters(_ name: String, config: String?) throws -> [(name: String, shape: [Int])] {
        switch name {
        case "inception-v3": return try InceptionV3Network().parameters.parameters.map { ($0.name, $0.shape) }
        case "rad-dino":
            guard let config else {
                throw TensorError.value(
                    operation: name, message: "its parameters depend on a config.json: name its folder")
            }
            let configuration = try Dinov2Configuration(path: config + "/config.json")
            return try Dinov2Network(configuration).parameters.parameters.map { ($0.name, $0.shape) }
        default:
            throw TensorError.value(
                operation: "parameters", message: "no encoder \"\(name)\"; known: \(names.joined(separator: ", "))")
        }
    }

    /// Where the usual weights of an encoder lie.
    /// - Throws: `CheckpointError.notFound` with everywhere that was looked, and how to get them.
    public static func locate(_ name: String) throws -> String {
        switch name {
        case "inception-v3":
            return try locate(InceptionEncoder.weightsFile, file: nil, hint: "curl -LO \(InceptionEncoder.weightsURL)")
        default:
            return try locate(RadDINO.hubName, file: nil, hint: "huggingface-cli download \(RadDINO.hubName)")
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
