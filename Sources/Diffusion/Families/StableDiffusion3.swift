import Encoders
import Files
import Networks
import Tensors
import Tokenizers

/// Stable Diffusion 3 and 3.5: the states of two CLIPs, side by side and filled up with zeros, then those of T5; the CLIPs'
/// projected vectors beside them; as diffusers' `StableDiffusion3Pipeline` runs them. T5 may be absent.
public final class StableDiffusion3: DiffusionFamily {
    /// How `PipelineRegistry` opens it. T5 reads 256 tokens where nothing is asked for, as in diffusers.
    public static let entry = PipelineEntry(
        "StableDiffusion3Pipeline", about: "Stable Diffusion 3 and 3.5",
        // An image encoder is that of an adapter, which the pipeline itself does not load.
        layout: PartLayout(
            denoiser: "transformer", texts: 3, lengths: [3: 256], optionalTexts: [3],
            ignored: ["image_encoder", "feature_extractor"]),
        options: [.maximumLength]
    ) { try StableDiffusion3($0) }

    /// What it is made of.
    public let parts: DiffusionParts
    private let clips: [DiffusionParts.Text]
    private let t5: DiffusionParts.Text?

    /// Puts the parts together.
    /// - Throws: `TensorError.value` for parts that do not fit.
    public init(_ parts: DiffusionParts) throws {
        self.parts = parts
        clips = [try parts.text(1), try parts.text(2)]
        t5 = parts.texts[3]
        if let t5 { try parts.check(t5) }
        let width = clips.reduce(0) { $0 + $1.encoder.width }
        guard width <= parts.denoiser.contextWidth else {
            throw parts.fault(
                "the CLIPs give \(width) channels together, the denoiser reads \(parts.denoiser.contextWidth)")
        }
        let pooled = clips.reduce(0) { $0 + ($1.encoder.pooledWidth ?? 0) }
        guard pooled == parts.denoiser.pooledWidth else {
            throw parts.fault(
                "the CLIPs give vectors of \(pooled) channels together, the denoiser reads "
                    + "\(parts.denoiser.pooledWidth ?? 0)")
        }
        guard clips.allSatisfy({ (2...$0.encoder.positions).contains(clips[0].length) }) else {
            throw parts.fault("texts of \(clips[0].length) tokens, but a text encoder has fewer positions")
        }
    }

    /// CheXGenBench's 40 steps at 4.5, at the size that the denoiser was trained on.
    public var defaults: GenerationDefaults {
        let side = denoiser.sampleSize * autoencoder.scale
        return GenerationDefaults(
            steps: 40, guidanceScale: 4.5, width: side, height: side, sizeUnit: autoencoder.scale * denoiser.patchSize)
    }

    /// The scheduler's own, whose shift may depend on the image's tokens.
    public func setTimesteps(_ scheduler: any Scheduler, steps: Int, latents: [Int]) throws {
        guard let flow = scheduler as? any FlowScheduler else { return try scheduler.setTimesteps(steps) }
        let patch = denoiser.patchSize
        try flow.setTimesteps(steps, sigmas: nil, tokens: latents[1] / patch * (latents[2] / patch))
    }

    /// How many tokens of a text do not fit into the encoder that takes the fewest.
    public func lostTokens(_ text: String, as role: TextRole, _ options: TextOptions) throws -> Int {
        try ids(text, options).map(\.lost).max() ?? 0
    }

    /// What all encoders make of a text; none of them sees a mask, so that padding counts.
    public func encode(_ text: String, as role: TextRole, _ options: TextOptions) throws -> EncodedText {
        let ids = try ids(text, options)
        let request = TextRequest(skipping: 1, isNormalized: false, isPooled: true)
        let found = try zip(clips, ids).map { try $0.encoder.encode($1.ids, mask: nil, request) }
        let (length, width) = (clips[0].length, denoiser.contextWidth)
        var states = found.map(\.states)
        let rest = width - states.reduce(0) { $0 + $1.shape[2] }
        if rest > 0 { states.append(try .zeros([1, length, rest])) }
        // Where T5 is absent, diffusers puts zeros in its place, as many as CLIP's tokens.
        let last = try t5.map { try $0.encoder.states(ids[2].ids) } ?? .zeros([1, length, width])
        return EncodedText(
            Conditioning(
                states: try Tensor.cat([Tensor.cat(states, axis: 2), last], axis: 1),
                pooled: try Tensor.cat(found.compactMap(\.pooled), axis: 1)),
            lost: ids.map(\.lost).max() ?? 0)
    }

    /// The ids of a text for each encoder; both CLIPs take as many as the first one's tokenizer states.
    private func ids(_ text: String, _ options: TextOptions) throws -> [(ids: Tensor, mask: Tensor, lost: Int)] {
        let length = try options.maximumLength(t5?.length ?? 256, atMost: 512)
        var result = try clips.map { try $0.ids(text, length: clips[0].length, overflow: options.overflow) }
        if let t5 { result.append(try t5.ids(text, length: length, overflow: options.overflow)) }
        return result
    }
}
