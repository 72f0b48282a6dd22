import Encoders
import Files
import Networks
import Tensors
import Tokenizers

/// FLUX.1: T5's states and CLIP's vector of a text, and a guidance scale that the denoiser itself reads, as diffusers'
/// `FluxPipeline` runs it without `true_cfg_scale`.
public final class Flux: DiffusionFamily {
    /// How `PipelineRegistry` opens it.
    public static let entry = PipelineEntry(
        "FluxPipeline", about: "FLUX.1",
        // An image encoder is that of an adapter, which the pipeline itself does not load.
        layout: PartLayout(
            denoiser: "transformer", texts: 2, lengths: [2: 512], ignored: ["image_encoder", "feature_extractor"]),
        options: [.maximumLength]
    ) { try Flux($0) }

    /// What it is made of.
    public let parts: DiffusionParts
    private let clip, t5: DiffusionParts.Text

    /// Puts the parts together.
    /// - Throws: `TensorError.value` for parts that do not fit.
    public init(_ parts: DiffusionParts) throws {
        self.parts = parts
        clip = try parts.text(1)
        t5 = try parts.text(2)
        try parts.check(t5)
        let (found, wanted) = (clip.encoder.pooledWidth ?? 0, parts.denoiser.pooledWidth ?? 0)
        guard found == wanted else {
            throw parts.fault("the text encoder gives vectors of \(found) channels, the denoiser reads \(wanted)")
        }
        try parts.checkLength(clip)
    }

    /// The reference's 50 steps at 3.5, at FLUX.1's own size.
    public var defaults: GenerationDefaults {
        let side = denoiser.sampleSize * autoencoder.scale
        return GenerationDefaults(
            steps: 50, guidanceScale: 3.5, width: side, height: side, sizeUnit: autoencoder.scale * 2)
    }

    /// Evenly from 1 to 1 / steps, and then the scheduler's shift, which depends on the image's tokens.
    public func setTimesteps(_ scheduler: any Scheduler, steps: Int, latents: [Int]) throws {
        guard let flow = scheduler as? any FlowScheduler else {
            throw TensorError.value(
                operation: "generate",
                message: "FLUX.1 brings sigmas of its own, which \(scheduler.name) does not take; use flow_match_euler")
        }
        let count = max(1, min(steps, scheduler.trainTimesteps))
        let sigmas = TimestepGrid.linspace(1, 1 / Double(count), count).map { Float($0) }
        try flow.setTimesteps(steps, sigmas: sigmas, tokens: latents[1] / 2 * (latents[2] / 2))
    }

    /// None: the scale goes to the denoiser.
    /// - Throws: `TensorError.value` for a negative text, which it does not read.
    public func guidance(_ options: GenerationOptions) throws -> (any Guidance)? {
        guard options.negativePrompts.allSatisfy(\.isEmpty) else {
            throw TensorError.value(
                operation: "generate", message: "FLUX.1 reads no negative_prompt; leave it out")
        }
        return nil
    }

    /// A guidance scale, of denoisers that read none, as FLUX.1 schnell's: there is no other guidance.
    public var lacks: Set<String> { denoiser.readsGuidance ? [] : ["guidance_scale"] }

    /// The scale, of denoisers that read one.
    public func embeddedGuidance(_ options: GenerationOptions) -> Float? {
        denoiser.readsGuidance ? Float(options.guidanceScale) : nil
    }

    /// How many tokens of a text do not fit into the encoder that takes the fewest.
    public func lostTokens(_ text: String, as role: TextRole, _ options: TextOptions) throws -> Int {
        let (first, second) = try ids(text, options)
        return max(first.lost, second.lost)
    }

    /// T5's states and CLIP's vector; neither sees a mask, so that padding counts.
    public func encode(_ text: String, as role: TextRole, _ options: TextOptions) throws -> EncodedText {
        let (first, second) = try ids(text, options)
        let vector = try clip.encoder.encode(first.ids, mask: nil, TextRequest(isPooled: true)).pooled
        return EncodedText(
            Conditioning(states: try t5.encoder.states(second.ids), pooled: vector), lost: max(first.lost, second.lost))
    }

    private typealias Ids = (ids: Tensor, mask: Tensor, lost: Int)

    private func ids(_ text: String, _ options: TextOptions) throws -> (clip: Ids, t5: Ids) {
        let length = try options.maximumLength(t5.length, atMost: 512)
        return (
            try clip.ids(text, overflow: options.overflow),
            try t5.ids(text, length: length, overflow: options.overflow)
        )
    }
}
