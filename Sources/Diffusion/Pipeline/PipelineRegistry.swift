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
        _ className: String, about: String, parts: [String], options: [FamilyOption] = [], open: @escaping Open
    ) {
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
    /// - Throws: `RegistryError.taken` where there is one of that name.
    public mutating func add(_ entry: PipelineEntry) throws { try entries.add(entry.className, entry) }

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

    /// The class of a pipeline whose files name none.
    public var defaultClass: String { entries.names[0] }

    /// Opens a pipeline in diffusers' layout.
    /// - Parameters:
    ///   - nameOrPath: a folder, or a Hub name found in the local Hugging Face cache (see `HubCache.locate`).
    ///   - vqgan: the folder of the VQGAN that draws what the language model in `nameOrPath` writes: of LLM-CXR.
    ///   - dtype: the dtype of the networks, f32 or bf16.
    ///   - device: what they run on.
    ///   - adapters: LoRA files that change their weights, in this order.
    ///   - streams: whether weights are let go behind each block of a network.
    /// - Throws: `CheckpointError.notFound` where there is no such pipeline; `FileError`, `CheckpointError` and
    ///   `TensorError` where a part is absent, damaged or not supported.
    public func open(
        _ nameOrPath: String, vqgan: String? = nil, dtype: DType, on device: Device = .standard,
        adapters: [Adapter] = [], streams: Bool = false
    ) throws -> any TextToImage {
        if let vqgan {
            if let index = try? HubCache.locate(nameOrPath, file: "model_index.json") {
                throw TensorError.value(
                    operation: "pipeline",
                    message: "\(index) is a diffusion pipeline's, which has no VQGAN beside it: leave vqgan out")
            }
            let folder = PipelineFolder(
                className: LLMCXR.entry.className, places: [LLMCXR.languageName: nameOrPath, VQGAN.name: vqgan],
                scheduler: .null)
            return try open(folder, dtype: dtype, on: device, adapters: adapters, streams: streams)
        }
        let index: String
        do { index = try HubCache.locate(nameOrPath, file: "model_index.json") } catch {
            if let config = try? HubCache.locate(nameOrPath, file: "config.json"),
                let type = try? JSON.read(config)["model_type"]?.string,
                languageModels.entries.all.contains(where: { $0.classes.contains(type) })
            {
                throw TensorError.value(
                    operation: "pipeline",
                    message:
                        "\(nameOrPath) is a language model (\(type)), which writes pictures with a VQGAN beside it, as LLM-CXR "
                        + "does: give vqgan, the folder with its .yaml and its .ckpt")
            }
            throw error
        }
        let folder = try PipelineFolder(Paths.dirname(index))
        return try open(folder, dtype: dtype, on: device, adapters: adapters, streams: streams)
    }

    /// What the weights of a pipeline would take of memory, by its configurations: no weights are read.
    /// - Parameters: as of `open`.
    /// - Returns: nil for a class of pipelines whose parts are others than networks of this registry.
    /// - Throws: as `open`, of what is wrong with the configurations.
    public func memory(_ nameOrPath: String, vqgan: String? = nil, dtype: DType, streams: Bool = false) throws
        -> MemoryPlan?
    {
        var networks: [MemoryPlan.Network] = []
        func add(_ name: String, _ rank: Int, _ parameters: [(name: String, shape: [Int])], _ dtype: DType) {
            // Of LLM-CXR the language model is streamed.
            networks.append(
                MemoryPlan.Network(
                    name: name, rank: rank, sizes: WeightSizes(parameters, dtype: dtype),
                    isStreamed: streams && (vqgan == nil || rank < 2)))
        }
        if let vqgan {
            let folder = PipelineFolder(places: [LLMCXR.languageName: nameOrPath, VQGAN.name: vqgan], scheduler: .null)
            try add(LLMCXR.languageName, 1, languageModels.parameters(of: folder.place(LLMCXR.languageName)), dtype)
            try add(VQGAN.name, 2, VQGAN.parameters(folder.place(VQGAN.name)), .f32)
            return MemoryPlan(networks, dtype: dtype, isWriting: true)
        }
        let index = try HubCache.locate(nameOrPath, file: "model_index.json")
        let folder = try PipelineFolder(Paths.dirname(index))
        guard let entry = entries[folder.className ?? defaultClass] else { return nil }
        for part in entry.parts where !part.hasPrefix("tokenizer") && folder.has(part) {
            let place = try folder.place(part)
            if part.hasPrefix("text_encoder") {
                try add(part, 0, textEncoders.parameters(of: place), dtype)
            } else if part == "vae" {
                try add(part, 2, autoencoders.parameters(of: place), dtype)
            } else if ["unet", "transformer"].contains(part) {
                try add(part, 1, denoisers.parameters(of: place), dtype)
            } else {
                return nil
            }
        }
        return MemoryPlan(networks, dtype: dtype, isWriting: false)
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
    /// The names by which scripts ask for what the weights of a network must hold: denoisers, autoencoders, text encoders.
    public var networks: [String] {
        denoisers.entries.names + autoencoders.entries.names + textEncoders.entries.names + [VQGAN.name]
    }

    /// The names and shapes of all tensors of a network's weights; nil where `name` is none of `networks`.
    /// - Parameter config: the folder of its config.json, or of the YAML file of a VQGAN.
    /// - Throws: `TensorError.value` where no folder is named; what reading the config throws.
    public func parameters(_ name: String, config: String?) throws -> [(name: String, shape: [Int])]? {
        if name == VQGAN.name, let config { return try VQGAN.parameters(config) }
        let found =
            denoisers.entries[name]?.parameters ?? autoencoders.entries[name]?.parameters
            ?? textEncoders.entries[name]?.parameters
        guard found != nil || name == VQGAN.name else { return nil }
        guard let config, let found else {
            throw TensorError.value(operation: name, message: "its parameters depend on a config.json: name its folder")
        }
        return try found(config + "/config.json")
    }
}
