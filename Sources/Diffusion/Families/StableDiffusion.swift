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
        parts: ["unet", "vae", "text_encoder", "tokenizer"]
    ) { folder, dtype, known in
        // What is wrong with small files is said before gigabytes are read.
        try folder.refuseParts(
            beside: ["unet", "vae", "text_encoder", "tokenizer"],
            // The reference loads `safety_checker = None`: these make no picture.
            ignored: ["safety_checker", "feature_extractor", "requires_safety_checker"])
        let (unet, vae) = try (folder.place("unet"), folder.place("vae"))
        let textEncoder = try folder.place("text_encoder")
        let tokenizer = try known.tokenizers.open(folder.place("tokenizer"))
        let scheduler = try SchedulerConfiguration(folder.scheduler, name: folder.schedulerName, known.schedulers)
        let family = try StableDiffusion(
            tokenizer: tokenizer, textEncoder: known.textEncoders.open(textEncoder, dtype: dtype),
            denoiser: known.denoisers.open(unet, dtype: dtype),
            autoencoder: known.autoencoders.open(vae, dtype: dtype), textLength: folder.textLength)
        return try DiffusionPipeline(family, scheduler: scheduler, smallFiles: folder.smallFiles())
    }

    /// Turns texts into ids.
    public let tokenizer: any Tokenizer
    /// Turns ids into the context.
    public let textEncoder: any TextEncoder
    /// Says what is noise.
    public let denoiser: any Denoiser
    /// Turns latents into pictures.
    public let autoencoder: any Autoencoder
    /// Ids of a text, begin and end included.
    public let textLength: Int

    /// Puts the parts together.
    /// - Parameter textLength: ids of a text; nil is what the tokenizer states, or else the encoder's positions.
    /// - Throws: `TensorError.value` for parts that do not fit.
    public init(
        tokenizer: any Tokenizer, textEncoder: any TextEncoder, denoiser: any Denoiser, autoencoder: any Autoencoder,
        textLength: Int? = nil
    ) throws {
        self.tokenizer = tokenizer
        self.textEncoder = textEncoder
        self.denoiser = denoiser
        self.autoencoder = autoencoder
        func fault(_ message: String) -> TensorError { .value(operation: "pipeline", message: message) }
        let wanted = textLength ?? min(tokenizer.maximumLength ?? textEncoder.positions, textEncoder.positions)
        guard (2...textEncoder.positions).contains(wanted) else {
            throw fault("texts of \(wanted) tokens, but the text encoder has \(textEncoder.positions) positions")
        }
        self.textLength = wanted
        guard textEncoder.width == denoiser.contextWidth else {
            throw fault(
                "the text encoder gives \(textEncoder.width) channels, the denoiser wants \(denoiser.contextWidth)")
        }
    }

    /// The class that `model_index.json` names.
    public var className: String { Self.entry.className }

    /// The parts by the names of their folders.
    public var parts: [String: PipelinePart] {
        [
            "tokenizer": .tokenizer(tokenizer, length: textLength), "text_encoder": .textEncoder(textEncoder),
            "unet": .denoiser(denoiser), "vae": .autoencoder(autoencoder),
        ]
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
        try tokenizer.encode(text, length: textLength, overflow: options.overflow).lost
    }

    /// The last states of all tokens; no mask reaches the encoder or the denoiser, so that padding counts.
    public func encode(_ text: String, as role: TextRole, _ options: TextOptions) throws -> EncodedText {
        let encoding = try tokenizer.encode(text, length: textLength, overflow: options.overflow)
        let ids = try Tensor(encoding.ids.map(Int64.init), shape: [1, textLength])
        return EncodedText(Conditioning(states: try textEncoder.states(ids)), lost: encoding.lost)
    }

    /// Gives the memory of the text encoder's passes back.
    public func releaseTextMemory() { textEncoder.releaseMemory() }
}
