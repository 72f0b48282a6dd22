import Checkpoints
import Engine
import Networks
import Tensors

/// Gemma 2 as a text encoder, of a folder in transformers' layout: `config.json` and weights, those of a `Gemma2ForCausalLM`
/// included.
public final class Gemma2TextEncoder: TextEncoder {
    /// How `TextEncoderRegistry` opens it.
    static let entry = NetworkEntry<any TextEncoder>(
        "gemma2-text", classes: ["gemma2"],
        parameters: { config in
            try Gemma2Network(Gemma2Configuration(path: config)).parameters.parameters.map { ($0.name, $0.shape) }
        }, open: { try Gemma2TextEncoder($0, dtype: $1) })

    /// The network.
    public let network: Gemma2Network
    private let folder: ModelFolder

    /// Loads a folder, its weights strictly.
    /// - Parameter bendsScores: see `Gemma2Network`.
    /// - Throws: `CheckpointError` and `FileError` where a file is absent, damaged or of another network.
    public init(_ folder: String, dtype: DType, bendsScores: Bool = false) throws {
        network = try Gemma2Network(Gemma2Configuration(path: folder + "/config.json"), bendsScores: bendsScores)
        self.folder = try ModelFolder(folder, dtype: dtype)
        let renamed = try self.folder.checkpoint.renamed { name in
            name.hasPrefix("model.") ? String(name.dropFirst("model.".count)) : name
        }
        try network.parameters.load(renamed) { $0 == "lm_head.weight" || $0.hasSuffix("rotary_emb.inv_freq") }
    }

    /// The compute dtype.
    public var dtype: DType { folder.executor.dtype }
    /// The files that the weights and sizes came from, with their SHA-256.
    public var files: [(file: String, sha256: String)] { folder.files }
    /// What a user should know of its configuration.
    public var notes: [String] { network.configuration.notes }
    /// Channels of a token.
    public var width: Int { network.configuration.hiddenSize }
    /// The longest sequence.
    public var positions: Int { network.configuration.positions }

    /// The states of the tokens after the last normalisation, f32 `[N, T, C]`, of ids i64 `[N, T]`; a token sees those up to
    /// its own place.
    public func states(_ ids: Tensor, mask: Tensor?) throws -> Tensor {
        try folder.run(ids, mask: mask, Pass(network: network))
    }

    /// Gives back the memory of activations and of packed weights, which stay mapped.
    public func releaseMemory() { folder.release() }

    private struct Pass: TextPass {
        let network: Gemma2Network

        func run<E: Execution>(_ ids: Tensor, padding: Tensor?, on execution: E) throws -> E.Value {
            try network.states(ids, padding: padding, on: execution)
        }
    }
}
