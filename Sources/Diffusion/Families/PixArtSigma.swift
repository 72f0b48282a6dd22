import Encoders
import Files
import Foundation
import Tensors
import Tokenizers

/// PixArt-Sigma: T5's states of a lower-cased text, whose padding the denoiser does not see, as diffusers' `PixArtSigmaPipeline`
/// runs it.
public final class PixArtSigma: DiffusionFamily {
    /// How `PipelineRegistry` opens it.
    public static let entry = PipelineEntry(
        "PixArtSigmaPipeline", about: "PixArt-Sigma", parts: ["transformer", "vae", "text_encoder", "tokenizer"],
        options: [.maximumLength]
    ) { folder, dtype, known in
        // What is wrong with small files is said before gigabytes are read.
        try folder.refuseParts(beside: ["transformer", "vae", "text_encoder", "tokenizer"], ignored: [])
        let (transformer, vae) = try (folder.place("transformer"), folder.place("vae"))
        let textEncoder = try folder.place("text_encoder")
        let tokenizer = try known.tokenizers.open(folder.place("tokenizer"), class: folder.partClass("tokenizer"))
        let scheduler = try SchedulerConfiguration(folder.scheduler, name: folder.schedulerName, known.schedulers)
        let family = try PixArtSigma(
            tokenizer: tokenizer, textEncoder: known.textEncoders.open(textEncoder, dtype: dtype),
            denoiser: known.denoisers.open(transformer, dtype: dtype),
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
    /// Ids of a text, end and padding included, where `max_sequence_length` names no other number.
    public let textLength: Int
    private let bins: ResolutionBins?

    /// Puts the parts together.
    /// - Parameter textLength: ids of a text; nil is the reference's 300.
    /// - Throws: `TensorError.value` for parts that do not fit.
    public init(
        tokenizer: any Tokenizer, textEncoder: any TextEncoder, denoiser: any Denoiser, autoencoder: any Autoencoder,
        textLength: Int? = nil
    ) throws {
        self.tokenizer = tokenizer
        self.textEncoder = textEncoder
        self.denoiser = denoiser
        self.autoencoder = autoencoder
        self.textLength = textLength ?? 300
        // The bins go by the size of the latents alone, whatever the scale of the autoencoder.
        bins = ResolutionBins(side: 8 * denoiser.sampleSize)
        guard textEncoder.width == denoiser.contextWidth else {
            throw TensorError.value(
                operation: "pipeline",
                message:
                    "the text encoder gives \(textEncoder.width) channels, the denoiser wants \(denoiser.contextWidth)")
        }
    }

    /// The class that `model_index.json` names.
    public var className: String { Self.entry.className }
    /// The options that it has beside those of all families.
    public var options: [FamilyOption] { Self.entry.options }

    /// The parts by the names of their folders.
    public var parts: [String: PipelinePart] {
        [
            "tokenizer": .tokenizer(tokenizer, length: textLength), "text_encoder": .textEncoder(textEncoder),
            "transformer": .denoiser(denoiser), "vae": .autoencoder(autoencoder),
        ]
    }

    /// CheXGenBench's 20 steps at 4.5, at the size that the denoiser was trained on. Where there are bins any size can be asked
    /// for, else the latents must fall into patches.
    public var defaults: GenerationDefaults {
        let side = denoiser.sampleSize * autoencoder.scale
        let patch = (denoiser as? PixArtTransformer2DModel)?.patchSize ?? 1
        return GenerationDefaults(
            steps: 20, guidanceScale: 4.5, width: side, height: side,
            sizeUnit: bins == nil ? autoencoder.scale * patch : 1)
    }

    /// That of the bin, or of the size itself.
    public func latentShape(width: Int, height: Int) -> (height: Int, width: Int, channels: Int) {
        let size = bins?.size(height: height, width: width) ?? (height: height, width: width)
        return (size.height / autoencoder.scale, size.width / autoencoder.scale, denoiser.latentChannels)
    }

    /// How many tokens of a text do not fit.
    public func lostTokens(_ text: String, as role: TextRole, _ options: TextOptions) throws -> Int {
        try encoding(text, options).lost
    }

    /// The states of all tokens and which of them are no padding; neither the encoder nor the denoiser looks at padding.
    public func encode(_ text: String, as role: TextRole, _ options: TextOptions) throws -> EncodedText {
        let encoding = try encoding(text, options)
        let shape = [1, encoding.ids.count]
        let mask = try Tensor(encoding.attentionMask.map(Int64.init), shape: shape)
        let states = try textEncoder.states(Tensor(encoding.ids.map(Int64.init), shape: shape), mask: mask)
        return EncodedText(Conditioning(states: states, mask: mask), lost: encoding.lost)
    }

    /// diffusers' captions are cleaned by libraries that the reference does not have, so that it only lower-cases and strips.
    private func encoding(_ text: String, _ options: TextOptions) throws -> Encoding {
        let length = options.family[FamilyOption.maximumLength.name]?.integer ?? textLength
        guard (2...1 << 14).contains(length) else {
            throw TensorError.value(
                operation: "generate", message: "wanted a max_sequence_length of 2 to \(1 << 14), got \(length)")
        }
        return try tokenizer.encode(
            PythonText.loweredAndStripped(text), length: length, overflow: options.overflow)
    }

    /// Gives the memory of the text encoder back.
    public func releaseTextMemory() { textEncoder.releaseMemory() }
}
