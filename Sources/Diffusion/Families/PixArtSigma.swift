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
        "PixArtSigmaPipeline", about: "PixArt-Sigma", layout: PartLayout(denoiser: "transformer", lengths: [1: 300]),
        options: [.maximumLength]
    ) { try PixArtSigma($0) }

    /// What it is made of.
    public let parts: DiffusionParts
    private let text: DiffusionParts.Text
    /// The sizes that pictures are made at.
    public let bins: ResolutionBins?

    /// Puts the parts together.
    /// - Throws: `TensorError.value` for parts that do not fit.
    public init(_ parts: DiffusionParts) throws {
        self.parts = parts
        text = try parts.text(1)
        // The bins go by the size of the latents alone, whatever the scale of the autoencoder.
        bins = ResolutionBins(side: 8 * parts.denoiser.sampleSize)
        try parts.check(text)
    }

    /// CheXGenBench's 20 steps at 4.5, at the size that the denoiser was trained on. Where there are bins any size can be asked
    /// for, else the latents must fall into patches.
    public var defaults: GenerationDefaults {
        let side = denoiser.sampleSize * autoencoder.scale
        return GenerationDefaults(
            steps: 20, guidanceScale: 4.5, width: side, height: side,
            sizeUnit: bins == nil ? autoencoder.scale * denoiser.patchSize : 1)
    }

    /// How many tokens of a text do not fit.
    public func lostTokens(_ text: String, as role: TextRole, _ options: TextOptions) throws -> Int {
        try ids(text, options).lost
    }

    /// The states of all tokens and which of them are no padding; neither the encoder nor the denoiser looks at padding.
    public func encode(_ text: String, as role: TextRole, _ options: TextOptions) throws -> EncodedText {
        let (ids, mask, lost) = try ids(text, options)
        let states = try self.text.encoder.states(ids, mask: mask)
        return EncodedText(Conditioning(states: states, mask: mask), lost: lost)
    }

    /// diffusers' captions are cleaned by libraries that the reference does not have, so that it only lower-cases and strips.
    private func ids(_ text: String, _ options: TextOptions) throws -> (ids: Tensor, mask: Tensor, lost: Int) {
        try self.text.ids(
            PythonText.loweredAndStripped(text), length: options.maximumLength(self.text.length),
            overflow: options.overflow)
    }
}
