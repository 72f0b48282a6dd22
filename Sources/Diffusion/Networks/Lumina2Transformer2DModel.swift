import Checkpoints
import Encoders
import Engine
import Networks
import Tensors

/// Lumina 2's denoiser of a diffusers folder: `transformer` with its `config.json` and weights.
public final class Lumina2Transformer2DModel: Denoiser {
    /// How `DenoiserRegistry` opens it.
    static let entry = NetworkEntry<any Denoiser>(
        "lumina2", classes: ["Lumina2Transformer2DModel"],
        parameters: { config in
            try Lumina2Network(Lumina2Configuration(path: config)).parameters.parameters.map { ($0.name, $0.shape) }
        }, open: { try Lumina2Transformer2DModel($0, dtype: $1) })

    /// The network.
    public let network: Lumina2Network
    private let folder: ModelFolder

    /// Loads a folder, its weights strictly.
    /// - Parameter dtype: f32 or bf16.
    /// - Throws: `CheckpointError` and `FileError` where a file is absent, damaged or of another network.
    public init(_ folder: String, dtype: DType) throws {
        network = try Lumina2Network(Lumina2Configuration(path: folder + "/config.json"))
        self.folder = try ModelFolder(folder, dtype: dtype)
        try network.parameters.load(self.folder.checkpoint)
    }

    /// Its parameters and its folder.
    public var loaded: LoadedNetwork? { LoadedNetwork(network.parameters, folder) }
    /// The compute dtype.
    public var dtype: DType { folder.executor.dtype }
    /// The files that the weights and sizes came from, with their SHA-256.
    public var files: [(file: String, sha256: String)] { folder.files }
    /// What a user should know of its configuration.
    public var notes: [String] { network.configuration.notes }
    /// Channels of a latent.
    public var latentChannels: Int { network.configuration.inputs }
    /// The side of the latents that it was trained on.
    public var sampleSize: Int { network.configuration.sampleSize }
    /// Channels of a token of the context.
    public var contextWidth: Int { network.configuration.captionWidth }
    /// Sides of latents are multiples of it.
    public var patchSize: Int { network.configuration.patchSize }

    /// Gives back the memory of activations, which the next pass takes again.
    public func releaseMemory() { folder.executor.releaseMemory() }

    /// Noise less image, f32 `[N, H, W, C]`, for latents of the same shape at one timestep, 1000 for noise and 0 for an image,
    /// and texts whose padding is left out. The network itself counts the other way and answers with image less noise.
    /// - Throws: `TensorError` for other shapes and dtypes, for what it does not read, and for padding that does not come last;
    ///   `FileError` where the weights were changed in use.
    public func forward(
        _ latents: Tensor, timestep: Float, conditioning: Conditioning, guidance: Float?
    ) throws -> Tensor {
        let sizes = network.configuration
        try conditioning.refuse([("pooled", conditioning.pooled != nil), ("guidance", guidance != nil)], "transformer")
        try latents.check(latents: sizes.inputs, patch: sizes.patchSize, operation: "transformer")
        try conditioning.check(texts: latents.shape[0], width: sizes.captionWidth, operation: "transformer")
        let lengths = try conditioning.seenTokens().map { length -> Int in
            guard let length else {
                throw TensorError.value(
                    operation: "transformer",
                    message: "wanted texts whose tokens come first and whose padding comes last")
            }
            return length
        }
        let result = try run(latents.contiguous(), 1 - timestep / 1000, conditioning.states, lengths)
        try folder.checkpoint.checkUnchanged()
        return result
    }

    /// Texts of one length go through together: an image's places begin where its text ends.
    private func run(_ latents: Tensor, _ time: Float, _ states: Tensor, _ lengths: [Int]) throws -> Tensor {
        if Set(lengths).count == 1 {
            return try run(latents, time, states.narrow(1, 0, lengths[0]), on: folder.executor)
        }
        let result = try Tensor(uninitialized: latents.shape)
        for length in Set(lengths).sorted() {
            let places = lengths.indices.filter { lengths[$0] == length }
            let images = try Tensor.cat(places.map { try latents.narrow(0, $0, 1) }, axis: 0)
            let texts = try Tensor.cat(places.map { try states.narrow(0, $0, 1).narrow(1, 0, length) }, axis: 0)
            let answers = try run(images, time, texts, on: folder.executor)
            for (row, place) in places.enumerated() {
                try result.narrow(0, place, 1).assign(from: answers.narrow(0, row, 1))
            }
        }
        return result
    }

    private func run<X: Executor>(
        _ latents: Tensor, _ time: Float, _ states: Tensor, on executor: X
    ) throws -> Tensor {
        try executor.map(latents.shape[0], .fitted) { [network] execution, rows -> [X.Run.Value] in
            let input = try execution.value(latents.narrow(0, rows.lowerBound, rows.count))
            let text = try execution.value(states.narrow(0, rows.lowerBound, rows.count).contiguous())
            let answer = try network.forward(input, time: time, text: text, on: execution)
            return [try execution.affine(answer, factor: -1, summand: 0)]
        }[0]
    }
}
