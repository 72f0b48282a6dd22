import Files
import Tensors

/// What one family of diffusion pipelines does differently from the others: how a text becomes what its denoiser reads,
/// how its noise is shaped, how guidance combines, and how the picture is finished. All else is `DiffusionPipeline`'s.
///
/// A family is one file: a class with this protocol, and a `PipelineEntry` for `PipelineRegistry`.
public protocol DiffusionFamily: AnyObject {
    /// How `PipelineRegistry` opens it: its class, and the options that it has beside those of all families.
    static var entry: PipelineEntry { get }
    /// What it is made of.
    var parts: DiffusionParts { get }
    /// What a picture is made with where nothing is asked for.
    var defaults: GenerationDefaults { get }

    /// The scheduler's options as the pipeline alters those of its file.
    func adjusted(_ scheduler: SchedulerConfiguration) -> SchedulerConfiguration

    /// How many tokens of a text do not fit; no network is asked.
    /// - Throws: `TokenizerError` for a text that is too long where that is an error.
    func lostTokens(_ text: String, as role: TextRole, _ options: TextOptions) throws -> Int

    /// What the denoiser reads of one text.
    /// - Throws: as `lostTokens`, and what the text encoders throw.
    func encode(_ text: String, as role: TextRole, _ options: TextOptions) throws -> EncodedText

    /// The sizes that pictures are made at, of which the nearest is taken and its picture fitted to the size that was asked for;
    /// nil where every size is made as it is.
    var bins: ResolutionBins? { get }

    /// The shape of the latent of a picture.
    func latentShape(width: Int, height: Int) -> (height: Int, width: Int, channels: Int)

    /// Begins a run of the scheduler, for latents of a shape.
    func setTimesteps(_ scheduler: any Scheduler, steps: Int, latents: [Int]) throws

    /// What becomes of the answers for negative texts and prompts; nil where the prompts alone are asked for.
    func guidance(_ options: GenerationOptions) throws -> (any Guidance)?

    /// The options of `generate` that other families have and this model has not, by the names that scripts use.
    var lacks: Set<String> { get }

    /// The guidance scale that the denoiser itself reads; nil where it reads none.
    func embeddedGuidance(_ options: GenerationOptions) -> Float?

    /// The picture f32 `[1, H, W, 3]`, about -1 to 1, of the denoiser's latent f32 `[1, h, w, C]`.
    func picture(_ latent: Tensor, isTiled: Bool) throws -> Tensor
}

extension DiffusionFamily {
    /// Says what is noise.
    public var denoiser: any Denoiser { parts.denoiser }
    /// Turns latents into pictures.
    public var autoencoder: any Autoencoder { parts.autoencoder }

    /// As the file has them.
    public func adjusted(_ scheduler: SchedulerConfiguration) -> SchedulerConfiguration { scheduler }

    /// Every size is made as it is.
    public var bins: ResolutionBins? { nil }

    /// A cell for each square of the autoencoder's scale, in that of the bin.
    public func latentShape(width: Int, height: Int) -> (height: Int, width: Int, channels: Int) {
        let size = bins?.size(height: height, width: width) ?? (height: height, width: width)
        return (size.height / autoencoder.scale, size.width / autoencoder.scale, denoiser.latentChannels)
    }

    /// The scheduler's own.
    public func setTimesteps(_ scheduler: any Scheduler, steps: Int, latents: [Int]) throws {
        try scheduler.setTimesteps(steps)
    }

    /// Classifier-free guidance above a scale of 1.
    public func guidance(_ options: GenerationOptions) throws -> (any Guidance)? {
        options.guidanceScale > 1 ? ClassifierFreeGuidance(scale: Float(options.guidanceScale)) : nil
    }

    /// None.
    public var lacks: Set<String> { [] }

    /// None.
    public func embeddedGuidance(_ options: GenerationOptions) -> Float? { nil }

    /// Decoded after division by the scaling factor, and the shift.
    public func picture(_ latent: Tensor, isTiled: Bool) throws -> Tensor {
        let (factor, shift) = (Float(autoencoder.scalingFactor), Float(autoencoder.shiftFactor))
        let unscaled = try Elementwise.map(latent) { $0 / factor + shift }
        return try isTiled ? autoencoder.decodeTiled(unscaled) : autoencoder.decode(unscaled)
    }
}
