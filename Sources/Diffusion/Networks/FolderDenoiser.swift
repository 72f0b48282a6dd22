import Checkpoints
import Devices
import Encoders
import Engine
import Tensors

/// The sizes of what a denoiser reads and gives, and what it reads beside latents, timestep and context.
public struct DenoiserSizes {
    /// Channels of a latent.
    public var latentChannels: Int
    /// The side of the latents that it was trained on.
    public var sampleSize: Int
    /// Sides of latents are multiples of it.
    public var patchSize: Int
    /// Channels of a token of the context.
    public var contextWidth: Int
    /// Channels of the vector of a text; nil where it reads none.
    public var pooledWidth: Int?
    /// Whether it sees which tokens are padding.
    public var readsMask: Bool
    /// Whether it reads a guidance scale.
    public var readsGuidance: Bool
    /// What a user should know of the configuration.
    public var notes: [String]

    /// Sizes; a network reads no more than the context unless it says so.
    public init(
        latentChannels: Int, sampleSize: Int, patchSize: Int = 1, contextWidth: Int, pooledWidth: Int? = nil,
        readsMask: Bool = false, readsGuidance: Bool = false, notes: [String]
    ) {
        self.latentChannels = latentChannels
        self.sampleSize = sampleSize
        self.patchSize = patchSize
        self.contextWidth = contextWidth
        self.pooledWidth = pooledWidth
        self.readsMask = readsMask
        self.readsGuidance = readsGuidance
        self.notes = notes
    }
}

/// What a denoiser is asked: latents f32 `[N, H, W, C]` at a timestep of the scheduler, with the conditioning of N texts and
/// a guidance scale where it reads one. All parts fit to its `DenoiserSizes`.
public struct DenoiserQuestion {
    /// f32 `[N, H, W, C]`, contiguous.
    public let latents: Tensor
    /// The scheduler's.
    public let timestep: Float
    /// Of N texts.
    public let conditioning: Conditioning
    /// The guidance scale.
    public let guidance: Float?
}

/// A denoising network that is opened from a folder: it knows its sizes' file and how a question reaches it.
public protocol FolderDenoisingNetwork: ConfiguredNetwork {
    /// How errors call it.
    static var operation: String { get }
    /// Tensors of a checkpoint that follow from the sizes, and are not read.
    static var unread: Set<String> { get }
    /// What it reads and gives.
    var denoiserSizes: DenoiserSizes { get }
    /// What the scheduler is handed, f32 `[N, H, W, C]`.
    func answer<X: Executor>(_ question: DenoiserQuestion, on executor: X) throws -> Tensor
}

extension FolderDenoisingNetwork {
    /// As most call it.
    public static var operation: String { "transformer" }
    /// None.
    public static var unread: Set<String> { [] }
}

/// A denoiser of a diffusers folder: `unet` or `transformer` with its `config.json` and weights.
///
/// Each latent of a batch runs on one thread from the first layer to the last; a single one uses all threads in each layer.
public final class FolderDenoiser<Network: FolderDenoisingNetwork>: Denoiser, FolderNetwork {
    /// The network.
    public let network: Network
    /// Its files, and what it runs on.
    public let model: ModelFiles
    private let sizes: DenoiserSizes

    /// Loads a folder, its weights strictly.
    /// - Parameters:
    ///   - dtype: f32 or bf16.
    ///   - device: what it runs on.
    /// - Throws: `CheckpointError` and `FileError` where a file is absent, damaged or of another network.
    public init(_ folder: String, dtype: DType, on device: Device = .standard) throws {
        network = try Network(config: folder + "/config.json")
        model = try ModelFiles(folder: folder, dtype: dtype, on: device)
        sizes = network.denoiserSizes
        try network.parameters.load(model.checkpoint) { Network.unread.contains($0) }
    }

    /// Every parameter, under diffusers' names.
    public var parameters: ParameterScope { network.parameters }
    /// What a user should know of its configuration.
    public var notes: [String] { sizes.notes }
    /// Channels of a latent.
    public var latentChannels: Int { sizes.latentChannels }
    /// The side of the latents that it was trained on.
    public var sampleSize: Int { sizes.sampleSize }
    /// Sides of latents are multiples of it.
    public var patchSize: Int { sizes.patchSize }
    /// Channels of a token of the context.
    public var contextWidth: Int { sizes.contextWidth }
    /// Channels of the vector of a text.
    public var pooledWidth: Int? { sizes.pooledWidth }
    /// Whether it reads a guidance scale.
    public var readsGuidance: Bool { sizes.readsGuidance }

    /// What the scheduler is handed, f32 `[N, H, W, C]`, for latents of the same shape at one timestep of the scheduler and
    /// the conditioning of N texts.
    /// - Throws: `TensorError` for other shapes and dtypes, for what it does not read and for a lack of what it does;
    ///   `FileError` where the weights were changed in use.
    public func forward(
        _ latents: Tensor, timestep: Float, conditioning: Conditioning, guidance: Float?
    ) throws -> Tensor {
        let operation = Network.operation
        try conditioning.refuse(
            [
                ("mask", conditioning.mask != nil && !sizes.readsMask),
                ("pooled", conditioning.pooled != nil && sizes.pooledWidth == nil),
                ("guidance", guidance != nil && !sizes.readsGuidance),
            ], operation)
        if sizes.readsGuidance, guidance == nil {
            throw TensorError.value(operation: operation, message: "it reads a guidance scale, and there is none")
        }
        try latents.check(latents: sizes.latentChannels, patch: sizes.patchSize, operation: operation)
        try conditioning.check(texts: latents.shape[0], width: sizes.contextWidth, operation: operation)
        if let width = sizes.pooledWidth { try conditioning.checkPooled(width: width, operation: operation) }
        let question = DenoiserQuestion(
            latents: try latents.contiguous(), timestep: timestep, conditioning: conditioning, guidance: guidance)
        let result = try network.answer(question, on: model.executor)
        try model.checkpoint.checkUnchanged()
        return result
    }
}

extension NetworkEntry where Network == any Denoiser {
    /// A denoising network of folders; see the other `init`.
    init<N: FolderDenoisingNetwork>(_ name: String, classes: [String], _ network: N.Type) {
        self.init(name, classes: classes, of: N.init(config:)) {
            try FolderDenoiser<N>($0, dtype: $1.dtype, on: $1.device)
        }
    }
}

extension Execution {
    /// Some rows of a batch.
    func value(_ batch: Tensor, rows: Range<Int>) throws -> Value {
        try value(batch.narrow(0, rows.lowerBound, rows.count).contiguous())
    }
}
