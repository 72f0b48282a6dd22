import Encoders
import Files
import Foundation
import Tensors
import Tokenizers

/// Lumina-Image 2.0: the states of Gemma 2 before its last layer, a system prompt before what is asked for, and guidance that
/// keeps lengths, as diffusers' `Lumina2Pipeline` runs it.
public final class Lumina2: DiffusionFamily {
    /// How `PipelineRegistry` opens it.
    public static let entry = named("Lumina2Pipeline")
    /// The name that old folders have for it.
    public static let oldEntry = named("Lumina2Text2ImgPipeline")

    private static func named(_ className: String) -> PipelineEntry {
        PipelineEntry(
            className, about: "Lumina 2", layout: PartLayout(denoiser: "transformer", lengths: [1: 256]),
            options: [.maximumLength, .systemPrompt, .guidanceTruncation, .guidanceNormalization]
        ) { try Lumina2($0) }
    }

    /// What is put before a prompt where nothing else is asked for.
    public static let systemPrompt =
        "You are an assistant designed to generate superior images with the superior degree of image-text alignment "
        + "based on textual prompts or user prompts."

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

    /// CheXGenBench's 50 steps at 4, at the size that the denoiser was trained on.
    public var defaults: GenerationDefaults {
        let side = denoiser.sampleSize * autoencoder.scale
        return GenerationDefaults(
            steps: 50, guidanceScale: 4, width: side, height: side, sizeUnit: autoencoder.scale * denoiser.patchSize)
    }

    /// Sigmas from 1 to one step above 0, evenly, whatever the scheduler would take. Where a shift depends on the size of the
    /// image, diffusers takes the channels of the latents for the number of its tokens.
    public func setTimesteps(_ scheduler: any Scheduler, steps: Int, latents: [Int]) throws {
        guard let scheduler = scheduler as? any FlowScheduler else { return try scheduler.setTimesteps(steps) }
        let sigmas = steps > 0 ? TimestepGrid.linspace(1, 1 / Double(steps), steps).map { Float($0) } : []
        try scheduler.setTimesteps(steps, sigmas: sigmas, tokens: latents[3])
    }

    /// How many tokens of a text do not fit.
    public func lostTokens(_ text: String, as role: TextRole, _ options: TextOptions) throws -> Int {
        try ids(text, role, options).lost
    }

    /// The states before the last layer and the last normalisation, and which of the tokens are no padding.
    public func encode(_ text: String, as role: TextRole, _ options: TextOptions) throws -> EncodedText {
        let (ids, mask, lost) = try ids(text, role, options)
        let states = try self.text.encoder.encode(ids, mask: mask, .penultimate).states
        return EncodedText(Conditioning(states: states, mask: mask), lost: lost)
    }

    /// A negative text has no system prompt.
    private func ids(
        _ text: String, _ role: TextRole, _ options: TextOptions
    ) throws -> (ids: Tensor, mask: Tensor, lost: Int) {
        let system = options.family[FamilyOption.systemPrompt.name]?.string ?? Self.systemPrompt
        return try self.text.ids(
            role == .prompt ? "\(system) <Prompt Start> \(text)" : text,
            length: options.maximumLength(self.text.length), overflow: options.overflow, side: .right)
    }

    /// Guidance above a scale of 1, in the first steps and with the length of the prompt's answer, where that is asked for.
    public func guidance(_ options: GenerationOptions) throws -> (any Guidance)? {
        guard options.guidanceScale > 1 else { return nil }
        let family = options.text.family
        let share = family[FamilyOption.guidanceTruncation.name]?.number ?? 1
        guard (0...1).contains(share) else {
            throw TensorError.value(operation: "generate", message: "wanted a cfg_trunc_ratio of 0 to 1, got \(share)")
        }
        return NormalizedGuidance(
            scale: Float(options.guidanceScale), share: share,
            keeping: try Self.keptLength(family[FamilyOption.guidanceNormalization.name]))
    }

    /// The lengths that guidance keeps: diffusers' where nothing else is asked for.
    private static func keptLength(_ option: JSON?) throws -> NormalizedGuidance.Length? {
        switch option {
        case nil, .boolean(true)?: return .row
        case .boolean(false)?: return nil
        case let other?:
            if let length = other.string.flatMap(NormalizedGuidance.Length.init) { return length }
            throw TensorError.value(
                operation: "generate",
                message: "wanted a cfg_normalization of true, false, \"row\" or \"whole\", got \(other.text())")
        }
    }
}

/// Guidance of the first steps, whose answer may be scaled to the length of the prompt's.
package struct NormalizedGuidance: Guidance {
    /// What has the length.
    package enum Length: String, CaseIterable {
        /// Each row of each channel by itself, as diffusers takes lengths along the last axis of `[N, C, H, W]`.
        case row
        /// All of a picture's latents.
        case whole
    }

    private let scale: Float
    private let share: Double
    private let kept: Length?

    /// - Parameters:
    ///   - scale: the weight of the prompt.
    ///   - share: the part of the steps that is guided.
    ///   - kept: what keeps the length that it has in the prompt's answer.
    package init(scale: Float, share: Double, keeping kept: Length?) {
        self.scale = scale
        self.share = share
        self.kept = kept
    }

    package func isUsed(step: Int, of steps: Int) -> Bool { Double(step + 1) / Double(steps) <= share }

    package func combine(negative: Tensor, positive: Tensor) throws -> Tensor {
        let guided = try ClassifierFreeGuidance(scale: scale).combine(negative: negative, positive: positive)
        guard let kept else { return guided }
        let (channels, width) = (guided.shape[3], guided.shape[2])
        let row = width * channels
        try positive.contiguous().withElements(Float.self) { wanted in
            try guided.withElements(Float.self) { found in
                func scale(_ places: StrideTo<Int>) {
                    func length(_ values: UnsafeMutableBufferPointer<Float>) -> Double {
                        places.reduce(0) { $0 + Double(values[$1]) * Double(values[$1]) }.squareRoot()
                    }
                    let factor = Float(length(wanted) / length(found))
                    for place in places { found[place] *= factor }
                }
                switch kept {
                case .row:
                    for start in stride(from: 0, to: found.count, by: row) {
                        for channel in 0..<channels {
                            scale(stride(from: start + channel, to: start + row, by: channels))
                        }
                    }
                case .whole:
                    let size = guided.shape[1] * row
                    for start in stride(from: 0, to: found.count, by: size) {
                        scale(stride(from: start, to: start + size, by: 1))
                    }
                }
            }
        }
        return guided
    }
}
