import Checkpoints
import Devices
import Encoders
import Engine
import Files
import Foundation
import Networks
import Tensors
import Tokenizers

/// A causal language model with its tokenizer.
public protocol LanguageModel: PartNetwork {
    /// The network.
    var causal: any CausalNetwork { get }
    /// What makes ids of texts, and texts of ids.
    var tokenizer: any DecodingTokenizer { get }
    /// How many ids have a score.
    var vocabularySize: Int { get }
    /// Channels of a token.
    var width: Int { get }
    /// The longest text, the prompt and what is written behind it.
    var positions: Int { get }
    /// The ids that end a text, unless a caller says otherwise.
    var endIDs: Set<Int> { get }
    /// Scores f32 `[N, T, vocabularySize]` of the id behind each of ids i64 `[N, T]`.
    /// - Throws: `TensorError` for other shapes, too long texts and ids that are not in the vocabulary; `FileError` where the
    ///   weights were changed in use.
    func logits(_ ids: Tensor) throws -> Tensor
    /// Writes on behind each of some prompts; a prompt of a list gives what it gives alone.
    /// - Parameter watch: gets the number of the prompt, from 0, and its text so far, behind each token.
    /// - Throws: `TensorError.value` for a prompt that is empty or too long, and for options out of their range;
    ///   `CheckpointError.notFinite` for scores that are no numbers; as `logits`.
    func generate(
        _ prompts: [Prompt], _ options: WritingOptions, watch: ((_ index: Int, _ text: String) throws -> Void)?
    ) throws -> [WrittenText]
}

/// What a language model reads before it writes.
public struct Prompt {
    /// A piece of a prompt.
    public enum Part {
        /// Ids, as in the vocabulary.
        case ids([Int])
        /// Vectors f32 `[T, width]` in the place of tokens, such as those of an image.
        case vectors(Tensor)
    }

    /// The pieces in order.
    public let parts: [Part]

    /// A prompt of pieces.
    public init(_ parts: [Part]) { self.parts = parts }

    /// A prompt of ids.
    public init(ids: [Int]) { parts = [.ids(ids)] }

    /// How many tokens it has.
    public var count: Int {
        parts.reduce(0) { count, part in
            switch part {
            case .ids(let ids): return count + ids.count
            case .vectors(let vectors): return count + (vectors.shape.first ?? 0)
            }
        }
    }
}

/// What a language model wrote.
public struct WrittenText: Equatable, Sendable {
    /// Why it ends there.
    public enum End: String, Sendable {
        /// It wrote an id that ends texts.
        case end
        /// It wrote one of the texts that stop it.
        case stop
        /// It wrote as many tokens as it might, or reached the longest text.
        case length
    }

    /// The new tokens, without the one that ends a text.
    public var ids: [Int]
    /// Their text, up to one that stops it.
    public var text: String
    /// Why it ends there.
    public var end: End

    /// What a model wrote.
    public init(ids: [Int], text: String, end: End) {
        (self.ids, self.text, self.end) = (ids, text, end)
    }
}

/// A causal network that is opened from a folder: it knows its sizes' file and the names of its weights.
public protocol FolderCausalNetwork: CausalNetwork, ConfiguredNetwork {
    /// Fills the parameters from a checkpoint, strictly.
    /// - Throws: `CheckpointError` where a tensor is absent, of another shape or not known.
    func load(_ checkpoint: Checkpoint) throws
}

/// A causal language model of a Hugging Face folder: `config.json`, weights and the tokenizer's files.
public final class FolderLanguageModel<Network: FolderCausalNetwork>: LanguageModel, FolderNetwork {
    /// The network.
    public let network: Network
    /// Its files, and what it runs on.
    public let model: ModelFiles
    /// What makes ids of texts, and texts of ids.
    public let tokenizer: any DecodingTokenizer
    /// The ids that end a text.
    public let endIDs: Set<Int>

    /// Loads a folder, its weights strictly.
    /// - Parameters:
    ///   - dtype: f32 or bf16.
    ///   - device: what it runs on.
    ///   - make: makes the network of a `config.json`; nil is the usual one.
    /// - Throws: `CheckpointError` and `FileError` where a file is absent, damaged or of another network.
    public init(
        _ folder: String, dtype: DType, on device: Device = .standard,
        _ make: ((_ config: String) throws -> Network)? = nil
    ) throws {
        network = try (make ?? Network.init(config:))(folder + "/config.json")
        let opened = try TokenizerRegistry.standard.open(folder)
        guard let decoding = opened as? any DecodingTokenizer else {
            throw FileError.malformed(
                path: folder, location: "tokenizer",
                reason: "it makes no texts of ids: it is not a language model's")
        }
        tokenizer = decoding
        endIDs = try EndIDs.read(folder) ?? Set([decoding.endID].compactMap { $0 })
        let ends = Paths.joined(folder, EndIDs.file)
        model = try ModelFiles(
            folder: folder,
            beside: TokenizerRegistry.files(of: folder) + [ends].filter(FileManager.default.fileExists), dtype: dtype,
            on: device)
        try network.load(model.checkpoint)
    }

    /// The network, whichever it is.
    public var causal: any CausalNetwork { network }
    /// Every parameter, under transformers' names.
    public var parameters: ParameterScope { network.parameters }
    /// What a user should know of its configuration.
    public var notes: [String] { network.notes }
    /// How many ids have a score.
    public var vocabularySize: Int { network.vocabularySize }
    /// Channels of a token.
    public var width: Int { network.width }
    /// The longest text.
    public var positions: Int { network.positions }

    /// Scores of the id behind each of ids; one text after the other, with all threads in each operation.
    public func logits(_ ids: Tensor) throws -> Tensor {
        guard ids.rank == 2, ids.count > 0, ids.dtype == .i64, ids.shape[1] <= positions else {
            throw TensorError.shape(
                operation: "language model",
                message: "wanted ids i64 [N, up to \(positions)], got \(ids.dtype) \(Tensor.text(ids.shape))")
        }
        let result = try logits(ids.contiguous(), on: model.executor)
        try model.checkpoint.checkUnchanged()
        return result
    }

    private func logits<X: Executor>(_ ids: Tensor, on executor: X) throws -> Tensor {
        try executor.map(ids.shape[0], .spread) { [network] execution, rows -> [X.Run.Value] in
            let words = try network.embed(ids.narrow(0, rows.lowerBound, rows.count), on: execution)
            return [try network.logits(network.states(words, .whole, on: execution), on: execution)]
        }[0]
    }

    /// Writes on behind each of some prompts.
    public func generate(
        _ prompts: [Prompt], _ options: WritingOptions, watch: ((_ index: Int, _ text: String) throws -> Void)? = nil
    ) throws -> [WrittenText] {
        try options.check(vocabulary: vocabularySize)
        for (index, prompt) in prompts.enumerated() where prompt.count == 0 || prompt.count >= positions {
            throw TensorError.value(
                operation: "generate",
                message: "prompt \(index + 1) has \(prompt.count) tokens: wanted 1 to \(positions - 1), so that one "
                    + "may follow")
        }
        let writer = Writer(network, of: model, tokenizer: tokenizer, ends: endIDs, options, watch: watch)
        defer { model.executor.releaseActivations() }
        let written = try writer.write(prompts, on: model.executor)
        try model.checkpoint.checkUnchanged()
        return written
    }
}

/// The ids that end a text, as a folder's files have them.
enum EndIDs {
    /// The file that says how a model is used.
    static let file = "generation_config.json"

    /// Those of `generation_config.json`, else of `config.json`; nil where neither names any.
    /// - Throws: `FileError` for a file that cannot be read, and for ids that are none.
    static func read(_ folder: String) throws -> Set<Int>? {
        for name in [file, "config.json"] {
            let path = folder + "/" + name
            guard FileManager.default.fileExists(atPath: path) else { continue }
            guard let found = try JSON.read(path)["eos_token_id"], found != .null else { continue }
            let ids = found.array?.map(\.integer) ?? [found.integer]
            guard !ids.isEmpty, !ids.contains(nil) else {
                throw FileError.malformed(
                    path: path, location: "eos_token_id", reason: "wanted an id or a list of them, got \(found.text())")
            }
            return Set(ids.compactMap { $0 })
        }
        return nil
    }
}

extension NetworkEntry where Network == any LanguageModel {
    /// A causal network of folders; see the other `init`.
    public init<N: FolderCausalNetwork>(
        _ name: String, classes: [String], _ network: N.Type, _ make: ((_ config: String) throws -> N)? = nil
    ) {
        self.init(name, classes: classes, of: make ?? N.init(config:)) {
            try FolderLanguageModel<N>($0, dtype: $1.dtype, on: $1.device, make)
        }
    }
}
