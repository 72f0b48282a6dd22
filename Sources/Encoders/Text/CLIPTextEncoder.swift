import NeuralNet
import Tensors

/// CLIP's text model of a diffusers folder: `text_encoder` with its `config.json` and weights.
public final class CLIPTextEncoder: TextEncoder {
    /// How `TextEncoderRegistry` opens it.
    static let entry = NetworkEntry<any TextEncoder>(
        "clip-text", classes: ["clip_text_model", "clip"],
        parameters: { config in
            try CLIPTextNetwork(CLIPTextConfiguration(path: config)).parameters.parameters.map { ($0.name, $0.shape) }
        }, open: { try CLIPTextEncoder($0, dtype: $1) })

    /// The network.
    public let network: CLIPTextNetwork
    private let folder: TextModelFolder

    /// Loads a folder, its weights strictly.
    /// - Throws: `CheckpointError` and `FileError` where a file is absent, damaged or of another network.
    public init(_ folder: String, dtype: DType) throws {
        network = try CLIPTextNetwork(CLIPTextConfiguration(path: folder + "/config.json"))
        self.folder = try TextModelFolder(folder, dtype: dtype)
        try network.load(self.folder.checkpoint)
    }

    /// The compute dtype.
    public var dtype: DType { folder.dtype }
    /// The files that the weights and sizes came from, with their SHA-256.
    public var files: [(file: String, sha256: String)] { folder.files }
    /// What a user should know of its configuration.
    public var notes: [String] { network.configuration.notes }
    /// Channels of a token.
    public var width: Int { network.configuration.hiddenSize }
    /// The longest sequence.
    public var positions: Int { network.configuration.positions }

    /// The last states of the tokens, f32 `[N, T, C]`, of ids i64 `[N, T]`: `last_hidden_state`.
    public func states(_ ids: Tensor) throws -> Tensor { try states(ids, skipping: 0) }

    /// The states of the tokens, f32 `[N, T, C]`, of ids i64 `[N, T]`; see `CLIPTextNetwork.states`.
    public func states(_ ids: Tensor, skipping: Int, isNormalized: Bool = true) throws -> Tensor {
        try folder.run { context in
            try network.states(ids, skipping: skipping, isNormalized: isNormalized, context)
        }
    }

    /// Gives the memory of activations back, which the next pass takes again.
    public func releaseMemory() { folder.releaseMemory() }
}
