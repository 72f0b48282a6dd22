import Encoders
import Networks
import Tensors

/// A network that says what is noise in a latent.
public protocol Denoiser: PartNetwork {
    /// Channels of a latent.
    var latentChannels: Int { get }
    /// The side of the latents that it was trained on: `sample_size`.
    var sampleSize: Int { get }
    /// Sides of latents are multiples of it.
    var patchSize: Int { get }
    /// Channels of a token of the context: `cross_attention_dim`.
    var contextWidth: Int { get }
    /// Channels of the vector of a text; nil where it reads none.
    var pooledWidth: Int? { get }
    /// Whether it reads a guidance scale.
    var readsGuidance: Bool { get }
    /// What the scheduler is handed, f32 `[N, H, W, C]`, for latents f32 `[N, H, W, C]` at one timestep of the scheduler and
    /// the conditioning of N texts.
    /// - Parameter guidance: the guidance scale of networks that learned to read it; an error for all others.
    func forward(
        _ latents: Tensor, timestep: Float, conditioning: Conditioning, guidance: Float?
    ) throws -> Tensor
}

/// A network between pictures and latents.
public protocol Autoencoder: PartNetwork {
    /// Channels of a latent.
    var latentChannels: Int { get }
    /// Pixels a side of one latent's cell.
    var scale: Int { get }
    /// What latents are multiplied by for the denoiser: `scaling_factor`.
    var scalingFactor: Double { get }
    /// What is taken from latents before that: `shift_factor`.
    var shiftFactor: Double { get }
    /// The mean of the latent, unscaled, f32 `[N, H / scale, W / scale, C]`, of pictures f32 `[N, H, W, 3]` in -1 to 1.
    func encode(_ pictures: Tensor) throws -> Tensor
    /// Pictures f32 `[N, H * scale, W * scale, 3]`, about -1 to 1, of unscaled latents f32 `[N, H, W, C]`.
    func decode(_ latents: Tensor) throws -> Tensor
    /// As `decode`, in overlapping tiles that are blended: less memory, and diffusers' result with tiling.
    func decodeTiled(_ latents: Tensor) throws -> Tensor
}

extension Denoiser {
    /// As the other `forward`, for networks that read no guidance scale.
    public func forward(_ latents: Tensor, timestep: Float, conditioning: Conditioning) throws -> Tensor {
        try forward(latents, timestep: timestep, conditioning: conditioning, guidance: nil)
    }

    /// As the other `forward`, for texts of which the denoiser reads states f32 `[N, T, D]` alone.
    public func forward(_ latents: Tensor, timestep: Float, context: Tensor) throws -> Tensor {
        try forward(latents, timestep: timestep, conditioning: Conditioning(states: context))
    }

    /// Any sides.
    public var patchSize: Int { 1 }
    /// None.
    public var pooledWidth: Int? { nil }
    /// It reads none.
    public var readsGuidance: Bool { false }
}

extension Tensor {
    /// Refuses what are no latents of a denoiser.
    /// - Throws: `TensorError.shape`.
    func check(latents channels: Int, patch: Int, operation: String) throws {
        guard rank == 4, count > 0, shape[3] == channels, dtype == .f32, shape[1] % patch == 0, shape[2] % patch == 0
        else {
            let sides = patch == 1 ? "" : " with sides that are multiples of \(patch)"
            throw TensorError.shape(
                operation: operation,
                message: "wanted latents f32 [N, H, W, \(channels)]\(sides), got \(dtype) \(Tensor.text(shape))")
        }
    }
}

extension Autoencoder {
    /// None.
    public var shiftFactor: Double { 0 }
}

/// The denoisers by diffusers' class.
public enum DenoiserRegistry {
    /// The program's own: one a file.
    public static let standard = NetworkRegistry<any Denoiser>(
        "denoiser", key: "_class_name", standard: "UNet2DConditionModel",
        [
            UNetNetwork.entry, PixArtNetwork.entry, SanaNetwork.entry, SD3Network.entry, FluxNetwork.entry,
            Lumina2Network.entry,
        ])
}

/// The autoencoders by diffusers' class.
public enum AutoencoderRegistry {
    /// The program's own: one a file.
    public static let standard = NetworkRegistry<any Autoencoder>(
        "autoencoder", key: "_class_name", standard: "AutoencoderKL",
        [AutoencoderNetwork.entry, DeepAutoencoderNetwork.entry])
}
