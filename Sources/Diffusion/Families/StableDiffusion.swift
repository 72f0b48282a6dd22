import Encoders
import Files
import Tensors
import Tokenizers

/// Stable Diffusion 1 and 2, and RadEdit: one text encoder whose last states the denoiser attends to, padding included,
/// as diffusers' `StableDiffusionPipeline` runs them.
public final class StableDiffusion: DiffusionFamily {
    /// How `PipelineRegistry` opens it.
    public static let entry = PipelineEntry(
        "StableDiffusionPipeline", about: "Stable Diffusion 1 and 2, RadEdit",
        // The reference loads `safety_checker = None`: these make no picture.
        layout: PartLayout(
            denoiser: "unet", ignored: ["safety_checker", "feature_extractor", "requires_safety_checker"])
    ) { try StableDiffusion($0) }

    /// What it is made of.
    public let parts: DiffusionParts
    private let text: DiffusionParts.Text

    /// Puts the parts together.
    /// - Throws: `TensorError.value` for parts that do not fit.
    public init(_ parts: DiffusionParts) throws {
        self.parts = parts
        text = try parts.text(1)
        try parts.check(text)
    }

    /// CheXGenBench's 50 steps at 7.5, at the size that the denoiser was trained on.
    public var defaults: GenerationDefaults {
        let side = denoiser.sampleSize * autoencoder.scale
        return GenerationDefaults(
            steps: 50, guidanceScale: 7.5, width: side, height: side, sizeUnit: autoencoder.scale)
    }

    /// What `StableDiffusionPipeline` makes of the scheduler's options, for the sake of outdated files: a `steps_offset`
    /// of 1 and no clipping.
    public static let schedulerChanges: [String: JSON] = [
        "steps_offset": .integer(1), "clip_sample": .boolean(false),
    ]

    /// With `schedulerChanges`.
    public func adjusted(_ scheduler: SchedulerConfiguration) -> SchedulerConfiguration {
        scheduler.changing(Self.schedulerChanges)
    }

    /// How many tokens of a text do not fit.
    public func lostTokens(_ text: String, as role: TextRole, _ options: TextOptions) throws -> Int {
        try self.text.ids(text, overflow: options.overflow).lost
    }

    /// The last states of all tokens; no mask reaches the encoder or the denoiser, so that padding counts.
    public func encode(_ text: String, as role: TextRole, _ options: TextOptions) throws -> EncodedText {
        let (ids, _, lost) = try self.text.ids(text, overflow: options.overflow)
        return EncodedText(Conditioning(states: try self.text.encoder.states(ids)), lost: lost)
    }
}
