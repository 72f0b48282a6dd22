import Encoders
import Files
import Tensors
import Tokenizers

/// Sana: Gemma 2's states of a lower-cased text behind an instruction, of which the first token and the last 299 go on, as
/// diffusers' `SanaPipeline` runs it.
public final class Sana: DiffusionFamily {
    /// How `PipelineRegistry` opens it.
    public static let entry = PipelineEntry(
        "SanaPipeline", about: "Sana", layout: PartLayout(denoiser: "transformer", lengths: [1: 300]),
        options: [.maximumLength, .instruction]
    ) { try Sana($0) }

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
        // The bins go by the size of the latents alone, whatever the scale of the autoencoder; there are none below 512.
        let side = 32 * parts.denoiser.sampleSize
        bins = side < 512 ? nil : ResolutionBins(side: side)
        try parts.check(text)
    }

    /// The reference's 20 steps at 4.5, and its 1024 pixels a side, whatever the size that the denoiser was trained on: where
    /// there are bins any size can be asked for, else the latents must fall into patches.
    public var defaults: GenerationDefaults {
        GenerationDefaults(
            steps: 20, guidanceScale: 4.5, width: 1024, height: 1024,
            sizeUnit: bins == nil ? autoencoder.scale * denoiser.patchSize : 1)
    }

    /// How many tokens of a text do not fit.
    public func lostTokens(_ text: String, as role: TextRole, _ options: TextOptions) throws -> Int {
        try ids(text, role, options).lost
    }

    /// The states of the first token and of the last ones, as many as a text may have, and which of them are no padding.
    public func encode(_ text: String, as role: TextRole, _ options: TextOptions) throws -> EncodedText {
        let (ids, mask, lost) = try ids(text, role, options)
        let kept = try options.maximumLength(self.text.length) - 1
        let states = try self.text.encoder.states(ids, mask: mask)
        func selected(_ tensor: Tensor) throws -> Tensor {
            try Tensor.cat([tensor.narrow(1, 0, 1), tensor.narrow(1, tensor.shape[1] - kept, kept)], axis: 1)
        }
        return EncodedText(Conditioning(states: try selected(states), mask: try selected(mask)), lost: lost)
    }

    /// The reference lower-cases and strips texts, and puts the instruction before those of pictures' prompts alone. It has room
    /// besides the tokens that a text may have.
    private func ids(
        _ text: String, _ role: TextRole, _ options: TextOptions
    ) throws -> (ids: Tensor, mask: Tensor, lost: Int) {
        let instruction = role == .prompt ? instruction(options) : ""
        var length = try options.maximumLength(self.text.length)
        // The begin of the text and the instruction's last token, which stands for it, are counted in both.
        if !instruction.isEmpty { length += self.text.tokenizer.ids(instruction).count - 2 }
        return try self.text.ids(
            instruction + PythonText.loweredAndStripped(text), length: length, overflow: options.overflow, side: .right)
    }

    private func instruction(_ options: TextOptions) -> String {
        let given = options.family[FamilyOption.instruction.name]
        return given?.string ?? (given?.boolean == false ? "" : Self.instruction)
    }

    /// The reference's complex human instruction.
    static let instruction = [
        "Given a user prompt, generate an 'Enhanced prompt' that provides detailed visual descriptions suitable for image "
            + "generation. Evaluate the level of detail in the user prompt:",
        "- If the prompt is simple, focus on adding specifics about colors, shapes, sizes, textures, and spatial "
            + "relationships to create vivid and concrete scenes.",
        "- If the prompt is already detailed, refine and enhance the existing details slightly without overcomplicating.",
        "Here are examples of how to transform or refine prompts:",
        "- User Prompt: A cat sleeping -> Enhanced: A small, fluffy white cat curled up in a round shape, sleeping "
            + "peacefully on a warm sunny windowsill, surrounded by pots of blooming red flowers.",
        "- User Prompt: A busy city street -> Enhanced: A bustling city street scene at dusk, featuring glowing street "
            + "lamps, a diverse crowd of people in colorful clothing, and a double-decker bus passing by towering glass "
            + "skyscrapers.",
        "Please generate only the enhanced description for the prompt below and avoid including any additional commentary "
            + "or evaluations:",
        "User Prompt: ",
    ].joined(separator: "\n")
}
