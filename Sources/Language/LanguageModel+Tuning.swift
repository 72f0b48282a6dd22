import Checkpoints
import Devices
import Engine
import Files
import Networks
import Tensors
import Training

/// What a fine-tuning has made of a language model.
public struct TunedLanguage {
    /// The adapter's sizes.
    public let settings: AdapterSettings
    /// A and B of each layer, under peft's names.
    public let adapter: [(name: String, tensor: Tensor)]
    /// A projector's parameters, under its own names.
    public let projector: [(name: String, tensor: Tensor)]
    /// The folder of the model.
    public let base: String

    /// What a model's `take` has made of a trainer's values.
    public init(
        settings: AdapterSettings, adapter: [(name: String, tensor: Tensor)],
        projector: [(name: String, tensor: Tensor)] = [], base: String
    ) {
        (self.settings, self.adapter, self.projector, self.base) = (settings, adapter, projector, base)
    }

    /// Writes the adapter's folder as peft does.
    /// - Throws: `FileError` where a file cannot be written.
    public func save(_ folder: String) throws {
        try LoRA.write(
            folder, adapter, rank: settings.rank, alpha: settings.alpha, dropout: settings.dropout, base: base)
    }
}

extension LanguageModel {
    /// A trainer of this model's network.
    /// - Parameter projector: is taken over by the trainer.
    /// - Throws: as `LanguageTrainer.init`; `EngineError.unsupported` where the model was opened on a device that does not train.
    public func trainer(
        _ options: TuningOptions, projector: ProjectorNetwork? = nil
    ) throws -> LanguageTrainer {
        // What inference has made of the weights would be held beside them.
        loaded?.model.release()
        return try LanguageTrainer(
            causal, projector: projector, base: SHA256.hex(of: files.map(\.sha256).joined(separator: " ")), options,
            on: loaded?.model.device ?? .standard,
            check: { [model = loaded?.model] in try model?.checkpoint.checkUnchanged() })
    }

    /// Adds what was trained to the weights, for all that is written from now on.
    /// - Throws: `TensorError.outOfMemory`.
    public func take(_ trainer: LanguageTrainer) throws -> TunedLanguage {
        let (adapter, projector) = try trainer.values()
        causal.parameters.add(try trainer.updates(), scale: 1)
        loaded?.model.release()
        let base = files.first.map { Paths.folder($0.file) } ?? ""
        return TunedLanguage(
            settings: trainer.options.adapter, adapter: adapter, projector: projector, base: base)
    }

    /// Prompts and what is to be written behind each, as a training takes them.
    public func tuningSet(_ texts: [(prompt: [Int], answer: [Int])]) -> TuningSet {
        let all = texts.map { "\($0.prompt) \($0.answer)" }.joined(separator: "\n")
        return TuningSet(
            count: texts.count, fingerprint: SHA256.hex(of: all),
            sizes: { (texts[$0].prompt.count, texts[$0].prompt.count + texts[$0].answer.count) },
            example: { TuningExample(prompt: texts[$0].prompt, answer: texts[$0].answer) })
    }

    /// The ids of a prompt, with what the tokenizer puts before a text, and of the answer behind it with the end of a text. Each
    /// is encoded by itself, as the model reads the prompt when it is to write the answer.
    public func tuningIDs(prompt: String, answer: String) -> (prompt: [Int], answer: [Int]) {
        let end = tokenizer.endID.map { [$0] } ?? []
        return (tokenizer.ids(prompt), tokenizer.ids(answer, special: false) + end)
    }
}
