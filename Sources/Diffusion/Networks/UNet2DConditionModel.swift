import Checkpoints
import Encoders
import Engine
import Networks
import Tensors

/// The denoiser of a diffusers folder: `unet` with its `config.json` and weights.
///
/// Each latent of a batch runs on one thread from the first layer to the last; a single one uses all threads in each layer.
public final class UNet2DConditionModel: Denoiser {
    /// How `DenoiserRegistry` opens it.
    static let entry = NetworkEntry<any Denoiser>(
        "unet", classes: ["UNet2DConditionModel"],
        parameters: { try UNet2DConditionModel.parameters(UNetConfiguration(path: $0)) },
        open: { try UNet2DConditionModel($0, dtype: $1) })

    /// The sizes.
    public let configuration: UNetConfiguration
    /// Its parameters and its folder.
    public var loaded: LoadedNetwork? { LoadedNetwork(network.parameters, folder) }
    /// The compute dtype.
    public var dtype: DType { folder.executor.dtype }
    /// The files that the weights and sizes came from, with their SHA-256.
    public var files: [(file: String, sha256: String)] { folder.files }
    private let network: UNetNetwork
    private let folder: ModelFolder

    /// Loads a folder, its weights strictly.
    /// - Parameter dtype: f32 or bf16.
    /// - Throws: `CheckpointError` and `FileError` where a file is absent, damaged or of another network.
    public init(_ folder: String, dtype: DType) throws {
        configuration = try UNetConfiguration(path: folder + "/config.json")
        network = try UNetNetwork(configuration)
        self.folder = try ModelFolder(folder, dtype: dtype)
        try network.parameters.load(self.folder.checkpoint)
    }

    /// The names and shapes of all tensors that the weights of a configuration must hold.
    public static func parameters(_ configuration: UNetConfiguration) throws -> [(name: String, shape: [Int])] {
        try UNetNetwork(configuration).parameters.parameters.map { ($0.name, $0.shape) }
    }

    /// Channels of a latent.
    public var latentChannels: Int { configuration.inputs }
    /// The side of the latents that it was trained on.
    public var sampleSize: Int { configuration.sampleSize }
    /// Channels of a token of the context.
    public var contextWidth: Int { configuration.contextWidth }

    /// What a user should know of the configuration.
    public var notes: [String] { configuration.notes }

    /// Gives back what the next pass makes again: Winograd's weights, and the memory of activations.
    public func releaseMemory() { folder.executor.releaseMemory() }

    /// The answer, f32 `[N, H, W, C]`, for latents f32 `[N, H, W, C]` at one timestep and states f32 `[N, T, D]`.
    /// - Throws: `TensorError` for other shapes and dtypes, and for a mask or pooled vectors, which it does not read;
    ///   `FileError` where the weights were changed in use.
    public func forward(
        _ latents: Tensor, timestep: Float, conditioning: Conditioning, guidance: Float?
    ) throws -> Tensor {
        try conditioning.refuse(
            [
                ("mask", conditioning.mask != nil), ("pooled", conditioning.pooled != nil),
                ("guidance", guidance != nil),
            ],
            "unet")
        let text = conditioning.states
        guard latents.rank == 4, latents.count > 0, latents.shape[3] == latentChannels, latents.dtype == .f32 else {
            throw TensorError.shape(
                operation: "unet",
                message: "wanted latents f32 [N, H, W, \(latentChannels)], got \(latents.dtype) "
                    + Tensor.text(latents.shape))
        }
        try conditioning.check(texts: latents.shape[0], width: contextWidth, operation: "unet")
        let result = try run(latents.contiguous(), timestep, text.contiguous(), on: folder.executor)
        try folder.checkpoint.checkUnchanged()
        return result
    }

    private func run<X: Executor>(
        _ latents: Tensor, _ timestep: Float, _ text: Tensor, on executor: X
    ) throws -> Tensor {
        try executor.map(latents.shape[0], .fitted) { [network] execution, rows -> [X.Run.Value] in
            let input = try execution.value(latents.narrow(0, rows.lowerBound, rows.count))
            let words = try execution.value(text.narrow(0, rows.lowerBound, rows.count))
            return [try network.forward(input, timestep: timestep, text: words, on: execution)]
        }[0]
    }
}
