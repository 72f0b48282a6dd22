import Encoders
import Files
import Foundation
import Tensors
import Tokenizers

/// A diffusion pipeline of any family: noise of a seed, denoised in the scheduler's steps under the guidance of texts, and
/// decoded.
public final class DiffusionPipeline: TextToImage {
    /// What it does in its own way.
    public let family: any DiffusionFamily
    private let scheduler: SchedulerConfiguration
    private let smallFiles: [(file: String, sha256: String)]
    private var texts: ConditioningCache
    private let keptLimit: Int?
    /// The LoRA files that change its weights, in order.
    public private(set) var adapters: [Adapter] = []
    private var adapterNotes: [String] = []
    private var hasRoom = false

    /// Puts a pipeline together.
    /// - Parameters:
    ///   - scheduler: the options of the model's scheduler.
    ///   - smallFiles: the files of the tokenizers and the scheduler, with their SHA-256.
    ///   - cacheLimit: bytes that the conditioning of recent texts may take.
    ///   - keptLimit: bytes that texts may take in a folder that keeps them; nil is as many as its disk has room for, up to 32 GiB.
    /// - Throws: `TensorError.value` for parts that do not fit together.
    public init(
        _ family: any DiffusionFamily, scheduler: SchedulerConfiguration,
        smallFiles: [(file: String, sha256: String)] = [], cacheLimit: Int = 256 << 20, keptLimit: Int? = nil
    ) throws {
        self.family = family
        self.scheduler = family.adjusted(scheduler)
        self.smallFiles = smallFiles
        texts = ConditioningCache(limit: cacheLimit)
        self.keptLimit = keptLimit
        let (denoiser, autoencoder) = (family.denoiser, family.autoencoder)
        guard denoiser.latentChannels == autoencoder.latentChannels else {
            throw TensorError.value(
                operation: "pipeline",
                message: "the denoiser makes latents of \(denoiser.latentChannels) channels, the autoencoder reads "
                    + "\(autoencoder.latentChannels)")
        }
    }

    /// The class that `model_index.json` names.
    public var className: String { type(of: family).entry.className }
    /// Its parts by the names of their folders.
    public var parts: [String: PipelinePart] { family.parts.named }
    /// The dtype that it computes in.
    public var dtype: DType { family.denoiser.dtype }
    /// What a picture is made with where nothing is asked for.
    public var defaults: GenerationDefaults { family.defaults }
    /// The script's name of the model's own scheduler, or its class where it is not implemented.
    public var schedulerName: String { (try? scheduler.entry())?.shortName ?? scheduler.className }
    /// The options of `generate` that its family lacks.
    public var lacks: Set<String> { family.lacks }
    /// What a user should know of the files: keys that were let be.
    public var notes: [String] { parts.ordered.flatMap(\.notes) + scheduler.notes + adapterNotes }
    /// The files that pictures depend on, with their SHA-256.
    public var files: [(file: String, sha256: String)] {
        smallFiles + parts.ordered.flatMap(\.files) + adapters.flatMap(\.lora.files)
    }

    /// One hash over everything that pictures depend on beside `GenerationOptions`: files, dtypes, the scheduler's
    /// options, the length of texts, the scales of LoRA files.
    public var identity: String {
        let networks = parts.ordered.filter { $0.role != .tokenizer }
        let tokenizers = parts.ordered.filter { $0.role == .tokenizer }
        let settings =
            networks.map(\.setting) + [scheduler.options.text()] + tokenizers.map(\.setting)
            + adapters.map(\.setting)
        return SHA256.hex(of: (files.map(\.sha256) + settings).joined(separator: "\n"))
    }

    /// What its weights take of memory, and when.
    public var memory: MemoryPlan? { MemoryPlan(parts, dtype: dtype) }

    /// Lets weights go behind each block of a network, and makes them again in the next pass; pictures are the same to the bit.
    public func stream() {
        for part in parts.values where part.role != .tokenizer { part.loaded?.model.executor.isStreaming = true }
    }

    /// Adds the products of LoRA files to its weights, before the first picture.
    /// - Throws: `CheckpointError.adapter` where one does not fit.
    public func adapt(_ adapters: [Adapter]) throws {
        adapterNotes += try Adapter.apply(adapters, to: parts)
        self.adapters += adapters
    }

    /// How many texts were encoded so far; those that were encoded before and are kept do not count.
    public var encodedTexts: Int? { texts.misses }

    /// What pictures with these options will be made with. Checks everything that needs no network.
    /// - Throws: `TensorError.value` naming the option that is wrong; `TokenizerError` for a text that is too long where
    ///   that is an error.
    public func settings(_ options: GenerationOptions) throws -> GenerationSettings {
        try check(options)
        _ = try begunScheduler(options)
        if try family.guidance(options) != nil {
            for text in options.negativePrompts { _ = try family.lostTokens(text, as: .negative, options.text) }
        }
        return GenerationSettings(
            scheduler: try scheduler.entry(options.scheduler).shortName,
            lostTokens: try options.prompts.map { try family.lostTokens($0, as: .prompt, options.text) })
    }

    /// What the denoiser reads of texts that pictures shall show, with how many tokens of each were cut off.
    /// - Throws: as `settings`.
    public func encode(_ texts: [String], _ options: TextOptions) throws -> (conditioning: Conditioning, lost: [Int]) {
        guard !texts.isEmpty else { throw TensorError.value(operation: "encode_prompt", message: "there is no text") }
        try refuseUnknown(options, operation: "encode_prompt")
        defer { releaseTextMemory() }
        return try encode(texts, as: .prompt, options)
    }

    /// Encodes texts of pictures ahead, and lets go of the text encoders: into a folder all of them, the different ones each once, and
    /// else as many as memory has room for.
    /// - Returns: of how many pictures, from the first, the texts are at hand; at least one.
    /// - Throws: as `settings`; `FileError` where the folder cannot be written to.
    public func prepare(
        _ options: GenerationOptions, keptIn folder: String?, watch: ((_ done: Int, _ all: Int) throws -> Void)?
    ) throws -> Int {
        try check(options)
        let isGuided = try family.guidance(options) != nil
        let pictures = zip(options.negativePrompts, options.prompts).map { negative, prompt in
            ((isGuided ? [(TextRole.negative, negative)] : []) + [(.prompt, prompt)]).map { role, text in
                (role: role, text: text, key: key(role, text, options.text))
            }
        }
        if let folder {
            texts.store = ConditioningStore(
                folder, identity: identity, needed: pictures.joined().map(\.key), limit: keptLimit)
        }
        defer { releaseTextMemory() }
        let all = Set(pictures.joined().map(\.key)).count
        var wanted = Set<String>()
        for (index, picture) in pictures.enumerated() {
            let (new, before) = (picture.filter { !wanted.contains($0.key) }, texts.misses)
            if folder == nil, index > 0, !new.isEmpty, texts.isFull(with: wanted) { return index }
            do {
                for (role, text, key) in new {
                    try Cancellation.check()
                    let encode = { try self.family.encode(text, as: role, options.text) }
                    if folder == nil {
                        _ = try texts.value(key, encode)
                    } else if try !texts.keep(key, isFirst: index == 0, encode) {
                        return index
                    }
                    wanted.insert(key)
                }
            } catch  where index > 0 && !Cancellation.isRequested && !(error is FileError) {
                // A text that cannot be encoded is an error when its picture's turn comes: those before it are made.
                return index
            }
            if folder != nil, texts.misses > before { try watch?(wanted.count, all) }
        }
        return pictures.count
    }

    /// Removes the encoded texts that a folder keeps, where they take more than some bytes.
    public static func removeTexts(in folder: String, above bytes: Int) {
        ConditioningStore.remove(in: folder, above: bytes)
    }

    /// Begins to make pictures: checks everything that can be checked, and encodes the texts.
    /// - Throws: as `settings`.
    public func begin(_ options: GenerationOptions) throws -> any GenerationProcess {
        try check(options)
        let scheduler = try begunScheduler(options)
        let shape = latentShape(options)
        let noise = try LatentNoise(seeds: options.seeds, height: shape[1], width: shape[2], channels: shape[3])
        let start = try options.latents ?? noise.next()
        let sigma = scheduler.initialNoiseSigma
        let latents = try Elementwise.map(start) { $0 * sigma }

        defer { releaseTextMemory() }
        let guidance = try family.guidance(options)
        let negative = try guidance.map { _ in try encode(options.negativePrompts, as: .negative, options.text) }
        let (prompts, lost) = try encode(options.prompts, as: .prompt, options.text)
        var guided: (both: Conditioning, guidance: any Guidance)?
        if let guidance, let negative {
            guided = (try Conditioning.cat([negative.conditioning, prompts]), guidance)
        }
        return DenoisingProcess(
            denoiser: family.denoiser, scheduler: scheduler, noise: noise, latents: latents,
            size: (options.width, options.height), embeddedGuidance: family.embeddedGuidance(options),
            texts: DenoisingProcess.Texts(prompts: prompts, guided: guided, lost: lost))
    }

    /// The pictures u8 `[N, H, W, 3]` of a process that is done.
    /// - Throws: `TensorError.value` where a value is not finite.
    public func finish(_ process: any GenerationProcess, isTiled: Bool) throws -> Tensor {
        try decode(process.latents, isTiled: isTiled, size: (process as? DenoisingProcess)?.size)
    }

    /// Pictures u8 `[N, H, W, 3]` of a denoiser's latents f32 `[N, h, w, C]`, decoded one after the other.
    /// - Parameters:
    ///   - isTiled: decode in overlapping tiles.
    ///   - size: pixels that pictures are fitted to; nil is what the latents give.
    /// - Throws: `TensorError.value` where a value is not finite.
    public func decode(
        _ latents: Tensor, isTiled: Bool = false, size: (width: Int, height: Int)? = nil
    ) throws -> Tensor {
        var pictures: [Tensor] = []
        family.denoiser.releaseMemory()
        defer { family.autoencoder.releaseMemory() }
        for index in 0..<latents.shape[0] {
            try Cancellation.check()
            var picture = try family.picture(latents.narrow(0, index, 1), isTiled: isTiled)
            if let size { picture = try ResolutionBins.fit(picture, height: size.height, width: size.width) }
            pictures.append(try PictureBytes.of(picture))
        }
        return try Tensor.cat(pictures, axis: 0)
    }

    /// The conditioning of texts; one that was encoded before and is kept is not encoded again.
    private func encode(
        _ texts: [String], as role: TextRole, _ options: TextOptions
    ) throws -> (conditioning: Conditioning, lost: [Int]) {
        let encoded = try texts.map { text in
            try self.texts.value(key(role, text, options)) { try family.encode(text, as: role, options) }
        }
        return (try Conditioning.cat(encoded.map(\.conditioning)), encoded.map(\.lost))
    }

    /// Gives the memory of the text encoders' passes back.
    private func releaseTextMemory() {
        for text in family.parts.texts.values { text.encoder.releaseMemory() }
    }

    /// What an encoded text is kept under.
    private func key(_ role: TextRole, _ text: String, _ options: TextOptions) -> String {
        "\(role.rawValue) \(options.textKey(type(of: family).entry.options)) \(text)"
    }

    /// A scheduler at the first of its timesteps.
    private func begunScheduler(_ options: GenerationOptions) throws -> any Scheduler {
        let scheduler = try scheduler.make(options.scheduler, eta: options.eta)
        try family.setTimesteps(scheduler, steps: options.steps, latents: latentShape(options))
        return scheduler
    }

    private func latentShape(_ options: GenerationOptions) -> [Int] {
        let (height, width, channels) = family.latentShape(width: options.width, height: options.height)
        return [options.prompts.count, height, width, channels]
    }

    private func check(_ options: GenerationOptions) throws {
        func fault(_ message: String) -> TensorError { .value(operation: "generate", message: message) }
        let count = options.prompts.count
        guard count > 0 else { throw fault("there is no prompt") }
        guard options.seeds.count == count else { throw fault("\(options.seeds.count) seeds for \(count) prompts") }
        guard options.negativePrompts.count == count else {
            throw fault("\(options.negativePrompts.count) negative prompts for \(count) prompts")
        }
        guard options.guidanceScale.isFinite else { throw fault("a guidance scale of \(options.guidanceScale)") }
        let unit = defaults.sizeUnit
        for (name, size) in [("width", options.width), ("height", options.height)] {
            guard size > 0, size % unit == 0, size <= 16_384 else {
                throw fault("wanted a \(name) that is a multiple of \(unit), up to 16384, got \(size)")
            }
        }
        let shape = latentShape(options)
        if let given = options.latents, given.shape != shape || given.dtype != .f32 {
            throw fault("wanted latents f32 \(Tensor.text(shape)), got \(given.dtype) \(Tensor.text(given.shape))")
        }
        try refuseUnknown(options.text, operation: "generate")
        // Once: behind that, what is free lacks what the pipeline holds itself.
        if !hasRoom { try memory?.check() }
        hasRoom = true
    }

    /// Refuses options that the family does not have.
    private func refuseUnknown(_ options: TextOptions, operation: String) throws {
        let known = type(of: family).entry.options.map(\.name)
        guard let name = options.family.keys.sorted().first(where: { !known.contains($0) }) else { return }
        let list = known.isEmpty ? "" : "; of its own it has \(known.joined(separator: ", "))"
        throw TensorError.value(operation: operation, message: "\(className) has no option \"\(name)\"\(list)")
    }
}
