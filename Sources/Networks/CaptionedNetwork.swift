import Engine

/// A network that finds the noise in latents at a timestep by the states of a text: a transformer whose class wants nothing
/// else.
public protocol CaptionedNetwork: AnyObject {
    /// Every parameter, under diffusers' names.
    var parameters: ParameterScope { get }
    /// The sizes of what it reads and gives.
    var sizes: CaptionedSizes { get }

    /// The network of a `config.json`, without weights.
    /// - Throws: `FileError.malformed` for a missing, wrong or unknown key, and for a variant that is not supported.
    init(path: String) throws

    /// f32 `[N, H, W, C]`, whose first channels are the answer, for latents f32 `[N, H, W, inputs]` with sides that are
    /// multiples of the patch size, and a text `[N, T, captionWidth]`.
    /// - Parameters:
    ///   - timestep: the scheduler's.
    ///   - mask: which tokens of the text the image's tokens see.
    func forward<E: Execution>(
        _ latents: E.Value, timestep: Float, text: E.Value, mask: Mask<E.Value>, on execution: E
    ) throws -> E.Value
}

/// The sizes of what a `CaptionedNetwork` reads and gives.
public struct CaptionedSizes: Sendable {
    /// The side of the latents that it was trained on.
    public var sampleSize: Int
    /// Channels of a latent.
    public var inputs: Int
    /// Latents a side of a patch.
    public var patchSize: Int
    /// Channels of a token of the text.
    public var captionWidth: Int
    /// What a user should know of the configuration.
    public var notes: [String]
}
