import Checkpoints
import Encoders
import Engine
import Files
import Foundation
import Imaging
import Language
import Tensors

/// LLM-CXR (Lee et al., 2023): a GPT-NeoX whose vocabulary ends with the codes of a VQGAN writes a picture behind a report, and the VQGAN
/// draws it. As hyn2028/llm-cxr evaluates it, but for the draws, which come from the seed of each picture.
public final class LLMCXR: TextToImage {
    /// How `PipelineRegistry` opens it.
    static let entry = PipelineEntry(
        "LLMCXRPipeline", about: "LLM-CXR", parts: [languageName, VQGAN.name],
        kinds: [
            PartKind(languageName, .language) { try $1.languageModels.parameters(of: $0) },
            PartKind(VQGAN.name, .codebook, dtype: .f32, isStreamed: false, file: nil) {
                try $1.codeAutoencoders.entry(VQGAN.name).parameters($0)
            },
        ],
        separate: SeparateParts(
            main: languageName,
            others: [.init(VQGAN.name, "The folder with the .yaml and the .ckpt of its VQGAN.")], hint: hint),
        options: [.instruction, .temperature, .topP, .topK, .mask, .attempts]
    ) { folder, compute, known in
        try folder.refuseParts(beside: [languageName, VQGAN.name], ignored: [])
        let places = (
            language: try folder.place(languageName), vqgan: try folder.place(VQGAN.name, file: nil)
        )
        // What is small is looked at before gigabytes are read.
        let vqgan = try known.codeAutoencoders.entry(VQGAN.name).open(places.vqgan, compute.device)
        return try LLMCXR(
            known.languageModels.open(places.language, dtype: compute.dtype, on: compute.device), vqgan)
    }

    /// What is said to who names a language model alone.
    private static func hint(_ config: String, _ known: PipelineRegistry) -> String? {
        guard let type = try? JSON.read(config)["model_type"]?.string,
            known.languageModels.entries.all.contains(where: { $0.classes.contains(type) })
        else { return nil }
        return
            "a language model (\(type)), which writes pictures with a VQGAN beside it, as LLM-CXR does: give \(VQGAN.name), "
            + "the folder with its .yaml and its .ckpt"
    }

    /// The name of the language model among the parts.
    static let languageName = "language"

    /// Writes codes.
    public let language: any LanguageModel
    /// Draws them.
    public let vqgan: any CodeAutoencoder
    /// The LoRA files that change the language model's weights, in order.
    public private(set) var adapters: [Adapter] = []
    private let endID: Int
    /// The id of the first code.
    private let firstID: Int
    private var adapterNotes: [String] = []
    private var written = CodeStore()
    private var hasRoom = false

    /// Puts the two together.
    /// - Throws: `TensorError.value` for parts that do not fit together.
    public init(
        _ language: any LanguageModel, _ vqgan: any CodeAutoencoder
    ) throws {
        self.language = language
        self.vqgan = vqgan
        func fault(_ message: String) -> TensorError { .value(operation: "pipeline", message: message) }
        let (vocabulary, codes) = (language.vocabularySize, vqgan.codebookSize)
        firstID = vocabulary - codes
        guard firstID == language.tokenizer.vocabularySize else {
            throw fault(
                "the language model has \(vocabulary) ids and the codebook \(codes) codes, which leaves \(firstID) for texts; its "
                    + "tokenizer has \(language.tokenizer.vocabularySize): they are not of one model")
        }
        var special: [Int] = []
        for text in [LLMCXRPrompt.instructionKey, LLMCXRPrompt.responseKey + "\n", LLMCXRPrompt.endKey] {
            let ids = language.tokenizer.tokens(text)
            guard ids.count == 1 else {
                throw fault(
                    "the tokenizer makes \(ids.count) tokens of \(text.debugDescription), and LLM-CXR has one for it: it is "
                        + "another model's")
            }
            special += ids
        }
        endID = special[2]
    }

    /// Its class among the pipelines.
    public var className: String { Self.entry.className }
    /// The language model and the VQGAN.
    public var parts: [String: PipelinePart] { [Self.languageName: .language(language), VQGAN.name: .codebook(vqgan)] }
    /// The dtype of the language model; the VQGAN computes in f32, as the reference's does.
    public var dtype: DType { language.dtype }
    /// The files that pictures depend on, with their SHA-256.
    public var files: [(file: String, sha256: String)] {
        parts.ordered.flatMap(\.files) + adapters.flatMap(\.lora.files)
    }
    /// What a user should know of the files.
    public var notes: [String] { parts.ordered.flatMap(\.notes) + adapterNotes }
    /// One hash over everything that pictures depend on beside `GenerationOptions`.
    public var identity: String {
        let settings = [className] + parts.ordered.map(\.setting) + adapters.map(\.setting)
        return SHA256.hex(of: (files.map(\.sha256) + settings).joined(separator: "\n"))
    }
    /// One step writes a picture; its size is the VQGAN's.
    public var defaults: GenerationDefaults {
        let side = vqgan.pictureSize
        return GenerationDefaults(steps: 1, guidanceScale: 1, width: side, height: side, sizeUnit: side)
    }
    /// Nothing is denoised.
    public var schedulerName: String { "none" }
    /// Nothing is denoised, and there is one size.
    public var lacks: Set<String> {
        ["steps", "guidance_scale", "scheduler", "width", "height", "latents", "negative_prompt", "eta", "tiled"]
    }

    /// What its weights take of memory, and when.
    public var memory: MemoryPlan? { MemoryPlan(parts, dtype: dtype) }

    /// Lets weights of the language model go behind each layer, and makes them again for the next token.
    public func stream() { language.loaded?.model.executor.isStreaming = true }

    /// Adds the products of LoRA files to the language model's weights, before the first picture.
    public func adapt(_ adapters: [Adapter]) throws {
        adapterNotes += try Adapter.apply(adapters, to: parts)
        self.adapters += adapters
    }

    /// Checks options; no text is cut, one that is too long is an error.
    public func settings(_ options: GenerationOptions) throws -> GenerationSettings {
        _ = try orders(options)
        return GenerationSettings(
            scheduler: schedulerName, lostTokens: [Int](repeating: 0, count: options.prompts.count))
    }

    /// There is no denoiser that would read it.
    public func encode(_ texts: [String], _ options: TextOptions) throws -> (conditioning: Conditioning, lost: [Int]) {
        throw TensorError.value(
            operation: "encode_prompt",
            message: "\(className) has no denoiser, and no context for one; its language model reads prompts itself")
    }

    /// Writes the codes of the next pictures, as many as share one read of the weights.
    /// - Returns: of how many pictures, from the first, the codes are at hand; at least one.
    public func prepare(
        _ options: GenerationOptions, keptIn folder: String?, watch: ((_ done: Int, _ all: Int) throws -> Void)?
    ) throws -> Int {
        let settings = try settings(of: options.text)
        var orders: [Order] = []
        for index in options.prompts.indices {
            // A prompt that is too long is an error when its turn comes: the pictures before it are made.
            do { orders += try self.orders(options.one(index)) } catch  where index > 0 { break }
        }
        written.keepOnly(Set(orders.map(\.key)), in: folder, identity: identity) { [vqgan] codes in
            codes.count == vqgan.codesPerPicture && codes.allSatisfy { (0..<vqgan.codebookSize).contains($0) }
        }
        let next = Array(orders.filter { written[$0.key] == nil }.prefix(WritingOptions().batch))
        if !next.isEmpty { try written.add(Array(zip(next.map(\.key), write(next, settings, watch)))) }
        let ready = orders.prefix { if case .success? = written[$0.key] { return true } else { return false } }.count
        // A picture whose codes cannot be written is an error when its turn comes: those before it are made.
        if ready == 0, let first = orders.first { _ = try written[first.key]?.get() }
        return max(1, ready)
    }

    /// Begins to make pictures; of those whose codes are at hand the one step is done.
    public func begin(_ options: GenerationOptions) throws -> any GenerationProcess {
        let (orders, settings) = try (orders(options), settings(of: options.text))
        let process = try CodeProcess(
            pictures: orders.count, perPicture: vqgan.codesPerPicture, codes: vqgan.codebookSize
        ) { [self] in try write(orders, settings).map { try $0.get() } }
        let known = try orders.compactMap { try written[$0.key]?.get() }
        if known.count == orders.count {
            try process.take(known)
            written.forget(orders.map(\.key))
        }
        return process
    }

    /// The pictures of codes; values are cut to -1 to 1 and grey levels rounded down, as the reference's pictures are saved.
    public func finish(_ process: any GenerationProcess, isTiled: Bool) throws -> Tensor {
        guard !isTiled else { throw fault("\(className) has no option \"tiled\": its pictures are small") }
        guard let codes = process.codes else { throw fault("the codes of the pictures are not written yet") }
        defer { vqgan.releaseMemory() }
        let pictures = try (0..<codes.shape[0]).map { index in
            try Cancellation.check()
            return try PictureBytes.truncated(vqgan.decode(codes.narrow(0, index, 1)))
        }
        return try Tensor.cat(pictures, axis: 0)
    }

    private func fault(_ message: String) -> TensorError { .value(operation: "generate", message: message) }
}

extension LLMCXR {
    /// A picture to be written.
    private struct Order {
        /// Its prompt, as errors name it.
        let name: String
        let ids: [Int]
        let seed: UInt64
        /// What its codes are kept under.
        let key: String
    }

    /// How codes are written.
    private struct Settings {
        var sampling: Sampling
        /// Only codes, and exactly as many as a picture has.
        var isMasked: Bool
        /// How many texts are tried at most for one picture.
        var attempts: Int
    }

    /// Tokens that a text may have beside its codes: the reference allows 300 for 256.
    private static let spareTokens = 44

    private func settings(of text: TextOptions) throws -> Settings {
        let known = Self.entry.options.map(\.name)
        if let name = text.family.keys.sorted().first(where: { !known.contains($0) }) {
            throw fault("\(className) has no option \"\(name)\"; of its own it has \(known.joined(separator: ", "))")
        }
        func number(_ option: FamilyOption, _ standard: Double) -> Double {
            text.family[option.name]?.number ?? standard
        }
        let settings = Settings(
            sampling: Sampling(
                temperature: number(.temperature, 1), topP: number(.topP, 0.92),
                topK: text.family[FamilyOption.topK.name]?.integer ?? 0),
            isMasked: text.family[FamilyOption.mask.name]?.boolean ?? false,
            attempts: text.family[FamilyOption.attempts.name]?.integer ?? 16)
        guard (1...1000).contains(settings.attempts) else {
            throw fault("attempts: wanted 1 to 1000, got \(settings.attempts)")
        }
        try settings.sampling.check()
        return settings
    }

    /// What is to be written, after a look at all options.
    private func orders(_ options: GenerationOptions) throws -> [Order] {
        let (count, side) = (options.prompts.count, vqgan.pictureSize)
        guard count > 0 else { throw fault("there is no prompt") }
        guard options.seeds.count == count else { throw fault("\(options.seeds.count) seeds for \(count) prompts") }
        let unknown: [(name: String, isGiven: Bool)] = [
            ("steps", options.steps != 1), ("guidance_scale", options.guidanceScale != 1),
            ("width", options.width != side), ("height", options.height != side),
            ("scheduler", options.scheduler != nil), ("latents", options.latents != nil), ("eta", options.eta != 0),
            ("negative_prompt", options.negativePrompts.contains { !$0.isEmpty }),
        ]
        if let name = unknown.first(where: \.isGiven)?.name {
            throw fault("\(className) has no option \"\(name)\": it writes pictures of \(side) x \(side) code by code")
        }
        _ = try settings(of: options.text)
        let room = language.positions - vqgan.codesPerPicture
        let orders = try options.prompts.indices.map { index -> Order in
            let (report, seed) = (options.prompts[index], options.seeds[index])
            let name = (report.count > 60 ? report.prefix(60) + "…" : report).debugDescription
            let text = LLMCXRPrompt.text(try instruction(options.text, seed), report)
            let ids = language.tokenizer.ids(text)
            guard ids.count <= room else {
                throw fault(
                    "the prompt \(name) has \(ids.count) tokens with its instruction, and behind \(room) there is no place for "
                        + "the \(vqgan.codesPerPicture) codes of a picture: shorten it")
            }
            return Order(
                name: name, ids: ids, seed: seed, key: SHA256.hex(of: "\(seed) \(options.text.key) \(report)"))
        }
        // Once: behind that, what is free lacks what the pipeline holds itself.
        if !hasRoom { try memory?.check() }
        hasRoom = true
        return orders
    }

    /// The instruction of a picture: the script's, or one of the ten, by the first word of the seed's stream.
    private func instruction(_ text: TextOptions, _ seed: UInt64) throws -> String {
        switch text.family[FamilyOption.instruction.name] {
        case .string(let own)? where !own.isEmpty: return own
        case nil, .null?, .boolean(true)?:
            let known = LLMCXRPrompt.instructions
            return known[Int(TorchGenerator(seed: seed).word64() % UInt64(known.count))]
        case let other?:
            throw fault("instruction: wanted a text, or true for one of LLM-CXR's own, got \(other.text())")
        }
    }

    /// Codes of pictures that are written together, each from its own stream. A text without exactly the codes of a picture is written
    /// again, from the next seed of the stream of the picture's own.
    /// - Parameter watch: is told how many of how many tokens of a round of texts are written.
    /// - Returns: of each picture its codes, or the error that says why it has none.
    private func write(
        _ orders: [Order], _ settings: Settings, _ watch: ((_ done: Int, _ all: Int) throws -> Void)? = nil
    ) throws -> [Result<[Int], any Error>] {
        var options = WritingOptions()
        let wanted = vqgan.codesPerPicture
        options.sampling = settings.sampling
        options.replacesEnds = true
        if settings.isMasked {
            options.allowed = firstID...language.vocabularySize - 1
            options.maximumTokens = wanted
        } else {
            options.ends = [endID]
            options.maximumTokens = wanted + Self.spareTokens
        }
        let streams = orders.map { order -> TorchGenerator in
            let stream = TorchGenerator(seed: order.seed)
            // The first word has chosen the instruction.
            _ = stream.word64()
            return stream
        }
        var counts = [[Int]](repeating: [], count: orders.count)
        var (pending, found) = (Array(orders.indices), [[Int]?](repeating: nil, count: orders.count))
        for attempt in 0..<settings.attempts where !pending.isEmpty {
            options.seeds = pending.map { attempt == 0 ? orders[$0].seed : streams[$0].word64() }
            let all = pending.count * options.maximumTokens
            var done = 0
            let texts = try language.generate(
                pending.map { Prompt(ids: orders[$0].ids) }, options,
                watch: watch.map { watch in
                    { _, _ in
                        done += 1
                        try watch(done, all)
                    }
                })
            for (place, text) in zip(pending, texts) {
                let codes = text.ids.filter { $0 >= firstID }.map { $0 - firstID }
                counts[place].append(codes.count)
                if codes.count == wanted { found[place] = codes }
            }
            pending.removeAll { found[$0] != nil }
        }
        return orders.indices.map { place in
            if let codes = found[place] { return .success(codes) }
            return .failure(
                fault(
                    "the picture of \(orders[place].name): none of \(settings.attempts) texts had the \(wanted) codes of a picture, they "
                        + "had \(counts[place].map(String.init).joined(separator: ", ")); mask = true writes codes alone, or give more "
                        + "attempts or another seed"))
        }
    }
}

extension FamilyOption {
    /// What scores are divided by.
    static let temperature = FamilyOption(
        "temperature", .number, "Scores of codes are divided by it; 1 where absent.")
    /// The sum of probabilities that is drawn from.
    static let topP = FamilyOption(
        "top_p", .number, "Codes are drawn among the most probable that together reach it; 0.92 where absent.")
    /// How many are drawn from.
    static let topK = FamilyOption("top_k", .integer, "Codes are drawn among so many; 0, all, where absent.")
    /// Whether only codes are written.
    static let mask = FamilyOption(
        "mask", .flag, "Whether codes alone are written, exactly those of a picture, so that nothing is tried again.")
    /// How many texts are tried.
    static let attempts = FamilyOption(
        "attempts", .integer,
        "How many texts are tried at most, until one has exactly the codes of a picture; 16 where absent.")
}
