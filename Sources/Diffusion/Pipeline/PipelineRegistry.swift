import Checkpoints
import Devices
import Encoders
import Engine
import Files
import Foundation
import Language
import Tensors
import Tokenizers

/// A class of pipelines as the program knows it.
public struct PipelineEntry {
    /// The class that `model_index.json` names.
    public let className: String
    /// Which models it runs, in a sentence.
    public let about: String
    /// The names of its parts' folders.
    public let parts: [String]
    /// What its parts are whose names other families have not.
    public let kinds: [PartKind]
    /// How it is opened where its parts lie in several places; nil where a `model_index.json` names them.
    public let separate: SeparateParts?
    /// The options of `generate` that it has beside those of all families.
    public let options: [FamilyOption]
    /// Opens a pipeline of parts that a registry knows, its weights strictly, to compute so.
    public let open: Open

    /// Opens a pipeline.
    public typealias Open = (
        _ folder: PipelineFolder, _ compute: Compute, _ known: PipelineRegistry
    ) throws -> any TextToImage

    /// Describes a class of pipelines.
    public init(
        _ className: String, about: String, parts: [String], kinds: [PartKind] = [],
        separate: SeparateParts? = nil, options: [FamilyOption] = [], open: @escaping Open
    ) {
        self.kinds = kinds
        self.separate = separate
        self.className = className
        self.about = about
        self.parts = parts
        self.options = options
        self.open = open
    }
}

/// The pipelines by the class that `model_index.json` names, and all that their parts may be. A new family is a file with
/// its entry and a name in `standard`, or is added to a copy.
public struct PipelineRegistry {
    /// The program's own.
    public static let standard = PipelineRegistry(own: [
        StableDiffusion.entry, PixArtSigma.entry, Sana.entry, StableDiffusion3.entry, Flux.entry,
        Lumina2.entry, Lumina2.oldEntry, LLMCXR.entry,
    ])

    /// The entries by class; the first is the class of parts that name none.
    public private(set) var entries: Registry<PipelineEntry>
    /// What a scheduler may be.
    public var schedulers = SchedulerRegistry.standard
    /// What a denoiser may be.
    public var denoisers = DenoiserRegistry.standard
    /// What an autoencoder may be.
    public var autoencoders = AutoencoderRegistry.standard
    /// What turns pictures into codes and back may be.
    public var codeAutoencoders = CodeAutoencoderRegistry.standard
    /// What a text encoder may be.
    public var textEncoders = TextEncoderRegistry.standard
    /// What a language model may be.
    public var languageModels = LanguageRegistry.standard
    /// What a tokenizer may be.
    public var tokenizers = TokenizerRegistry.standard

    private init(own entries: [PipelineEntry]) {
        self.entries = Registry("pipeline", entries.map { ($0.className, $0) })
    }

    /// Adds a class of pipelines.
    /// - Throws: `RegistryError.taken` where there is one of that name, or with such a part beside its folder.
    public mutating func add(_ entry: PipelineEntry) throws {
        let taken = separateParts.map(\.part.name)
        if let other = entry.separate?.others.first(where: { taken.contains($0.name) }) {
            throw RegistryError.taken(kind: "part", name: other.name)
        }
        try entries.add(entry.className, entry)
    }

    /// Every option that some family has, and those that scripts may count on.
    public var options: [FamilyOption] {
        var known = FamilyOption.common
        for option in entries.all.flatMap(\.options) where !known.contains(where: { $0.name == option.name }) {
            known.append(option)
        }
        return known
    }

    /// The names of parts that pipelines may have.
    public var parts: [String] {
        var known = [
            "unet", "transformer", "vae", "text_encoder", "text_encoder_2", "text_encoder_3", "tokenizer",
            "tokenizer_2", "tokenizer_3",
        ]
        for name in entries.all.flatMap(\.parts) where !known.contains(name) { known.append(name) }
        return known
    }

    /// What the parts of a name are; nil where no family says it.
    public func kind(of part: String) -> PartKind? {
        (PartKind.common + entries.all.flatMap(\.kinds)).first { $0.has(part) }
    }

    /// The parts that options name the places of, with the family that each is of.
    public var separateParts: [(part: SeparateParts.Other, family: PipelineEntry)] {
        entries.all.flatMap { entry in entry.separate?.others.map { ($0, entry) } ?? [] }
    }

    /// The class of a pipeline whose files name none.
    public var defaultClass: String { entries.names[0] }

    /// Opens a pipeline in diffusers' layout.
    /// - Parameters:
    ///   - nameOrPath: a folder, or a Hub name found in the local Hugging Face cache (see `HubCache.locate`).
    ///   - places: of the parts that lie beside it, by name; see `SeparateParts`.
    ///   - dtype: the dtype of the networks, f32 or bf16.
    ///   - device: what they run on.
    ///   - adapters: LoRA files that change their weights, in this order.
    ///   - streams: whether weights are let go behind each block of a network.
    /// - Throws: `CheckpointError.notFound` where there is no such pipeline; `FileError`, `CheckpointError` and
    ///   `TensorError` where a part is absent, damaged or not supported.
    public func open(
        _ nameOrPath: String, beside places: [String: String] = [:], dtype: DType, on device: Device = .standard,
        adapters: [Adapter] = [], streams: Bool = false
    ) throws -> any TextToImage {
        try open(
            folder(nameOrPath, beside: places), dtype: dtype, on: device, adapters: adapters, streams: streams)
    }

    /// Where the parts of a pipeline lie that a place and options name.
    private func folder(_ nameOrPath: String, beside places: [String: String]) throws -> PipelineFolder {
        let index = Result { try HubCache.locate(nameOrPath, file: "model_index.json") }
        if let name = places.keys.min() {
            if let index = try? index.get() {
                throw TensorError.value(
                    operation: "pipeline",
                    message: "\(index) is a pipeline's, which holds all of its parts: leave \(name) out")
            }
            for entry in entries.all {
                guard let separate = entry.separate, separate.others.contains(where: { $0.name == name }) else {
                    continue
                }
                let all = places.merging([separate.main: nameOrPath]) { _, main in main }
                return PipelineFolder(className: entry.className, places: all, scheduler: .null)
            }
            throw TensorError.value(operation: "pipeline", message: "no pipelines have a \(name) beside their folder")
        }
        if case .failure = index, let config = try? HubCache.locate(nameOrPath, file: "config.json"),
            let hint = entries.all.lazy.compactMap({ $0.separate?.hint(config, self) }).first
        {
            throw TensorError.value(operation: "pipeline", message: "\(nameOrPath) is \(hint)")
        }
        return try PipelineFolder(Paths.dirname(index.get()))
    }

    /// What the weights of a pipeline would take of memory, by its configurations: no weights are read.
    /// - Parameters: as of `open`.
    /// - Returns: nil for a class of pipelines whose parts are others than networks of this registry.
    /// - Throws: as `open`, of what is wrong with the configurations.
    public func memory(
        _ nameOrPath: String, beside places: [String: String] = [:], dtype: DType, streams: Bool = false
    ) throws -> MemoryPlan? {
        try memory(folder(nameOrPath, beside: places), dtype: dtype, streams: streams)
    }

    /// The same of a pipeline's parts.
    /// - Throws: see the other `memory`.
    public func memory(_ folder: PipelineFolder, dtype: DType, streams: Bool = false) throws -> MemoryPlan? {
        guard let entry = entries[folder.className ?? defaultClass] else { return nil }
        var networks: [MemoryPlan.Network] = []
        for part in entry.parts where folder.has(part) {
            guard let kind = kind(of: part) else { return nil }
            guard let parameters = kind.parameters else { continue }
            let sizes = try WeightSizes(
                parameters(folder.place(part, file: kind.file), self), dtype: kind.dtype ?? dtype)
            networks.append(
                MemoryPlan.Network(
                    name: part, role: kind.role, sizes: sizes, isStreamed: streams && kind.isStreamed))
        }
        return MemoryPlan(networks, dtype: dtype)
    }

    /// Opens a pipeline from its parts.
    /// - Throws: see the other `open`.
    public func open(
        _ folder: PipelineFolder, dtype: DType, on device: Device = .standard, adapters: [Adapter] = [],
        streams: Bool = false
    ) throws -> any TextToImage {
        guard dtype == .f32 || dtype == .bf16 else {
            throw TensorError.dtype(
                operation: "pipeline", message: "a pipeline computes in f32 or bf16, not \(dtype)")
        }
        let className = folder.className ?? defaultClass
        guard let entry = entries[className] else {
            throw folder.fault("_class_name", entries.unknown(className).description)
        }
        let pipeline = try entry.open(folder, Compute(dtype, on: device), self)
        try pipeline.adapt(adapters)
        if streams { pipeline.stream() }
        return pipeline
    }
}

extension PipelineRegistry {
    /// The names by which scripts ask for what the weights of a network must hold: denoisers, autoencoders of both kinds, text
    /// encoders.
    public var networks: [String] {
        denoisers.entries.names + autoencoders.entries.names + textEncoders.entries.names
            + codeAutoencoders.names
    }

    /// The names and shapes of all tensors of a network's weights; nil where `name` is none of `networks`.
    /// - Parameter config: the folder of its config.json, or of what else says a network's sizes.
    /// - Throws: `TensorError.value` where no folder is named; what reading the config throws.
    public func parameters(_ name: String, config: String?) throws -> [(name: String, shape: [Int])]? {
        let separate = codeAutoencoders[name]?.parameters
        let found =
            denoisers.entries[name]?.parameters ?? autoencoders.entries[name]?.parameters
            ?? textEncoders.entries[name]?.parameters
        guard found != nil || separate != nil else { return nil }
        if let separate, let config { return try separate(config) }
        guard let config, let found else {
            throw TensorError.value(operation: name, message: "its parameters depend on a config.json: name its folder")
        }
        return try found(config + "/config.json")
    }
}
