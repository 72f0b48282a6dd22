import Tensors

/// A network that says what is noise in a latent.
public protocol Denoiser: AnyObject {
    /// Channels of a latent.
    var latentChannels: Int { get }
    /// The side of the latents that it was trained on: `sample_size`.
    var sampleSize: Int { get }
    /// Channels of a token of the context: `cross_attention_dim`.
    var contextWidth: Int { get }
    /// The compute dtype.
    var dtype: DType { get }
    /// The files that the weights and sizes came from, with their SHA-256.
    var files: [(file: String, sha256: String)] { get }
    /// The answer, f32 `[N, H, W, C]`, for latents f32 `[N, H, W, C]` at one timestep and context f32 `[N, T, D]`.
    func forward(_ latents: Tensor, timestep: Float, context: Tensor) throws -> Tensor
    /// Gives memory back that the next pass takes again, for when another network works.
    func releaseMemory()
}

/// A network between pictures and latents.
public protocol Autoencoder: AnyObject {
    /// Channels of a latent.
    var latentChannels: Int { get }
    /// Pixels a side of one latent's cell.
    var scale: Int { get }
    /// What latents are multiplied by for the denoiser: `scaling_factor`.
    var scalingFactor: Double { get }
    /// The compute dtype.
    var dtype: DType { get }
    /// The files that the weights and sizes came from, with their SHA-256.
    var files: [(file: String, sha256: String)] { get }
    /// The mean of the latent, unscaled, f32 `[N, H / scale, W / scale, C]`, of pictures f32 `[N, H, W, 3]` in -1 to 1.
    func encode(_ pictures: Tensor) throws -> Tensor
    /// Pictures f32 `[N, H * scale, W * scale, 3]`, about -1 to 1, of unscaled latents f32 `[N, H, W, C]`.
    func decode(_ latents: Tensor) throws -> Tensor
    /// As `decode`, in overlapping tiles that are blended: less memory, and diffusers' result with tiling.
    func decodeTiled(_ latents: Tensor) throws -> Tensor
    /// Gives memory back that the next pass takes again, for when another network works.
    func releaseMemory()
}

extension Denoiser {
    /// Nothing to give back.
    public func releaseMemory() {}
}

extension Autoencoder {
    /// Nothing to give back.
    public func releaseMemory() {}
}
