import Checkpoints
import Devices
import Encoders
import Engine
import Files
import Foundation
import Imaging
import Networks
import Tensors
import Tokenizers

/// LLaVA-Rad (Zambrano Chaves et al., 2025): Vicuna with a LoRA, which reads the patches of BiomedCLIP-CXR's image network through a
/// projector. A question goes into Vicuna's conversation with the image before it, as the authors' evaluation asks.
public final class LLaVARad: VisionLanguageModel {
    /// The model, as `VisionLanguageRegistry` opens it.
    static let entry = VisionLanguageRegistry.Entry(
        about: "LLaVA-Rad, findings of a radiograph",
        hub: [("lmsys/vicuna-7b-v1.5", "config.json"), ("microsoft/llava-rad", "adapter_config.json")],
        wanted: [[.vision], [.adapter, .projector]],
        open: { try LLaVARad($0, dtype: $1.dtype, on: $1.device) })

    /// `llava-rad`.
    public let name = "llava-rad"
    /// What writes: the base with the LoRA merged into it.
    public let language: any LanguageModel
    /// What sees.
    public let tower: OpenCLIPTower
    /// What makes the tower's states tokens.
    public let projector: ProjectorNetwork
    /// The projector's file, and what it runs on.
    public let projectorFiles: ModelFiles
    /// The files that it was opened from, with the SHA-256 of what was read.
    public let files: [(file: String, sha256: String)]
    /// What a user should know of its configuration.
    public let notes: [String]
    /// How many of the tower's last layers are not asked.
    let skipped: Int
    /// Linear layers of the projector.
    let depth: Int
    /// Whether a LoRA was merged into the base.
    let isAdapted: Bool

    private static let conversation = (
        before: "A chat between a curious user and an artificial intelligence assistant. The assistant gives helpful, "
            + "detailed, and polite answers to the user's questions. USER: ", after: " ASSISTANT:"
    )
    /// What stands for the image in a question.
    private static let placeholder = "<image>"
    /// The files of a projector beside a LoRA.
    private static let projectorNames = ["non_lora_trainables.bin", "mm_projector.bin"]

    /// Opens its files, all weights strictly.
    /// - Throws: `CheckpointError` and `FileError` where a file is absent, damaged, or of another model.
    public init(_ places: VisionLanguageFiles, dtype: DType, on device: Device = .standard) throws {
        let base = try HubCache.locate(places.base)
        let adapter = try places.adapter.map { try HubCache.locate($0) }
        language = try places.languages.open(base, dtype: dtype, on: device)
        let settings = try Settings(adapter, for: language)
        guard let vision = places.vision else {
            throw TensorError.value(operation: name, message: "it sees with a network of its own: name it as `vision`")
        }
        tower = try OpenCLIPTower(vision, dtype: dtype, on: device)
        skipped = try settings.skipped(of: tower.layers)
        depth = settings.depth
        isAdapted = adapter != nil

        var notes = language.notes + settings.notes
        var adapters: [Adapter] = []
        if let adapter {
            guard let loaded = language.loaded else {
                throw TensorError.value(operation: name, message: "\(adapter): the base has no weights to change")
            }
            adapters = [try Adapter(adapter)]
            notes += try Adapter.apply(adapters, to: [AdaptedPart("language", loaded)])
        }
        self.notes = notes

        let checkpoint = try Self.projector(places.projector, beside: adapter)
        projectorFiles = try ModelFiles(checkpoint, dtype: dtype, on: device)
        projector = ProjectorNetwork(inputs: tower.width, outputs: language.width, depth: settings.depth)
        try projector.parameters.load(checkpoint)
        var files = language.files + adapters.flatMap(\.lora.files) + tower.files + projectorFiles.files
        if let path = settings.path { files.append((path, try SHA256.hex(file: path))) }
        self.files = files
    }

    /// The compute dtype.
    public var dtype: DType { language.dtype }
    /// The steps from an image to pixels, in words.
    public var preprocessing: String { tower.preprocessing }

    /// The bytes u8 `[S, S, 3]` that the tower sees of an image.
    public func preprocess(_ image: Image) throws -> Tensor { try tower.preprocess(image) }

    /// What the tower says of preprocessed images, f32 `[N, T, C]`: the projector's input.
    public func states(_ images: [Tensor]) throws -> Tensor { try tower.patches(images, skipping: skipped) }

    /// Tokens f32 `[T, width]` of preprocessed images.
    public func tokens(_ images: [Tensor]) throws -> [Tensor] {
        let tokens = try projected(states(images), on: projectorFiles.executor)
        try projectorFiles.checkpoint.checkUnchanged()
        try projectorFiles.checkFinite(tokens, of: "projector")
        return try (0..<images.count).map { try tokens.select(0, $0) }
    }

    private func projected<X: Executor>(_ states: Tensor, on executor: X) throws -> Tensor {
        try executor.map(states.shape[0], .spread) { [projector] execution, rows -> [X.Run.Value] in
            let own = try execution.value(states.narrow(0, rows.lowerBound, rows.count))
            return [try projector.forward(own, on: execution)]
        }[0]
    }

    /// The conversation with the image before the question.
    public func prompt(_ question: String, image: Tensor) throws -> Prompt {
        let (before, after) = try frame(question)
        return Prompt([.ids(before), .vectors(image), .ids(after)])
    }

    /// The tokens of the conversation up to the answer.
    public func promptLength(_ question: String) throws -> Int {
        let (before, after) = try frame(question)
        return before.count + tower.patchCount + after.count
    }

    /// The ids before and behind the image.
    /// - Throws: `TensorError.value` for an empty question.
    public func frame(_ question: String) throws -> (before: [Int], after: [Int]) {
        let asked = PythonText.stripped(question.replacing(Self.placeholder, with: ""))
        guard !asked.isEmpty else {
            throw TensorError.value(operation: name, message: "wanted a question about the image, got an empty text")
        }
        let before = language.tokenizer.ids(Self.conversation.before)
        var after = language.tokenizer.ids("\n" + asked + Self.conversation.after)
        // Each side is encoded by itself, and begins a text but once.
        if let begin = language.tokenizer.beginID, after.first == begin { after.removeFirst() }
        return (before, after)
    }

    /// The tensors of a projector, under its own names.
    private static func projector(_ file: String?, beside adapter: String?) throws -> Checkpoint {
        let places = adapter.map { folder in projectorNames.map { Paths.joined(folder, $0) } } ?? []
        guard let path = file ?? places.first(where: FileManager.default.fileExists) else {
            throw FileError.missing(
                path: places.first ?? "projector",
                hint: "name the projector's file, such as mm_projector.bin, as `projector`")
        }
        return try Checkpoint.open(path).renamed { name in
            guard let mark = name.range(of: "mm_projector.") else { return name }
            return String(name[mark.upperBound...])
        }
    }

    /// What LLaVA keeps in the `config.json` beside a LoRA.
    private struct Settings {
        var path: String?
        var depth = 2
        var layer = -2
        var notes: [String] = []

        /// - Throws: `FileError.malformed` for what is not supported, and where it belongs to another base.
        init(_ folder: String?, for language: any LanguageModel) throws {
            let file = folder.map { Paths.joined($0, "config.json") }
            guard let file, FileManager.default.fileExists(atPath: file) else { return }
            path = file
            let reader = try ConfigurationReader(file)
            for (key, own) in [("hidden_size", language.width), ("vocab_size", language.vocabularySize)]
            where reader.value(key) != nil {
                let found = try reader.integer(key, 1...1 << 24)
                guard found == own else {
                    throw reader.fault(key, "it belongs to a base of \(found), the one that was named has \(own)")
                }
            }
            let kind = try reader.string("mm_projector_type", default: "mlp2x_gelu")
            if kind == "linear" {
                depth = 1
            } else if kind.hasPrefix("mlp"), kind.hasSuffix("x_gelu"), let number = Int(kind.dropFirst(3).dropLast(6)),
                (1...8).contains(number)
            {
                depth = number
            } else {
                throw reader.fault("mm_projector_type", "wanted \"linear\" or \"mlp2x_gelu\", got \"\(kind)\"")
            }
            layer = try reader.integer("mm_vision_select_layer", -512...512, default: -2)
            _ = try reader.string("mm_vision_select_feature", among: ["patch"], default: "patch")
            guard try !reader.boolean("mm_use_im_start_end", default: false) else {
                throw reader.fault("mm_use_im_start_end", "tokens of their own around images are not supported")
            }
        }

        /// How many of the last layers are not asked.
        func skipped(of layers: Int) throws -> Int {
            let skipped = layer < 0 ? -1 - layer : layers - layer
            guard (0..<layers).contains(skipped) else {
                throw FileError.malformed(
                    path: path ?? "", location: "mm_vision_select_layer",
                    reason: "the tower has \(layers) layers, and \(layer) is none of them")
            }
            return skipped
        }
    }
}
