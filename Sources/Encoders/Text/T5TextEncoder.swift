import Checkpoints
import Engine
import Networks
import Tensors

/// T5's encoder of a folder in transformers' layout: `config.json` and weights, those of a whole T5 included.
public final class T5TextEncoder: TextEncoder {
    /// How `TextEncoderRegistry` opens it.
    static let entry = NetworkEntry<any TextEncoder>(
        "t5-text", classes: ["t5"],
        parameters: { config in
            try T5EncoderNetwork(T5Configuration(path: config)).parameters.parameters.map { ($0.name, $0.shape) }
        }, open: { try T5TextEncoder($0, dtype: $1) })

    /// The network.
    public let network: T5EncoderNetwork
    private let folder: ModelFolder

    /// Loads a folder, its weights strictly.
    /// - Throws: `CheckpointError` and `FileError` where a file is absent, damaged or of another network.
    public init(_ folder: String, dtype: DType) throws {
        network = try T5EncoderNetwork(T5Configuration(path: folder + "/config.json"))
        self.folder = try ModelFolder(folder, dtype: dtype)
        try Self.load(network, self.folder.checkpoint)
    }

    /// The compute dtype.
    public var dtype: DType { folder.executor.dtype }
    /// The files that the weights and sizes came from, with their SHA-256.
    public var files: [(file: String, sha256: String)] { folder.files }
    /// What a user should know of its configuration.
    public var notes: [String] { network.configuration.notes }
    /// Channels of a token.
    public var width: Int { network.configuration.hiddenSize }
    /// Distances have a bias, places have none: any length will do, as far as the memory goes.
    public var positions: Int { 1 << 16 }

    /// The states of the tokens after the last normalisation, f32 `[N, T, C]`, of ids i64 `[N, T]`.
    public func states(_ ids: Tensor, mask: Tensor?) throws -> Tensor {
        try folder.run(ids, mask: mask, Pass(network: network))
    }

    /// Gives back the memory of activations and of packed weights: they are many times those of a denoiser, and stay mapped.
    public func releaseMemory() {
        folder.release()
    }

    private struct Pass: TextPass {
        let network: T5EncoderNetwork

        func run<E: Execution>(_ ids: Tensor, padding: Tensor?, on execution: E) throws -> E.Value {
            try network.states(ids, padding: padding, on: execution)
        }
    }

    /// Fills the parameters from a checkpoint. The table of tokens has two names, of which files hold one or both; a decoder
    /// may stand beside the encoder.
    private static func load(_ network: T5EncoderNetwork, _ checkpoint: Checkpoint) throws {
        let (shared, twin) = ("shared.weight", "encoder.embed_tokens.weight")
        let hasShared = checkpoint.names.contains(shared)
        let renamed = try checkpoint.renamed { name in name == twin ? (hasShared ? nil : shared) : name }
        try network.parameters.load(renamed) { $0.hasPrefix("decoder.") || $0.hasPrefix("lm_head.") }
    }
}
