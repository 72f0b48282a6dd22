import Encoders
import Engine
import Files
import Tensors
import Tokenizers

/// Which parts the folders of a family hold.
public struct PartLayout: Sendable {
    /// The folder of the denoiser.
    public var denoiser: String
    /// How many text encoders there are, each with its tokenizer: `text_encoder`, `text_encoder_2`, …
    public var texts: Int
    /// Ids of a text for some of the text encoders, by their numbers from 1; for the others what the tokenizer states.
    public var lengths: [Int: Int]
    /// The numbers, from 1, of text encoders that may be absent.
    public var optionalTexts: Set<Int>
    /// Parts that change no picture.
    public var ignored: Set<String>

    /// The parts of a family.
    public init(
        denoiser: String, texts: Int = 1, lengths: [Int: Int] = [:], optionalTexts: Set<Int> = [],
        ignored: Set<String> = []
    ) {
        self.denoiser = denoiser
        self.texts = texts
        self.lengths = lengths
        self.optionalTexts = optionalTexts
        self.ignored = ignored
    }

    /// The names of the folders of all parts.
    public var names: [String] {
        [denoiser, "vae"] + (0..<texts).flatMap { [Self.encoder($0 + 1), Self.tokenizer($0 + 1)] }
    }

    /// The folder of a text encoder, by its number from 1.
    static func encoder(_ number: Int) -> String { number == 1 ? "text_encoder" : "text_encoder_\(number)" }
    /// The folder of a tokenizer, by its number from 1.
    static func tokenizer(_ number: Int) -> String { number == 1 ? "tokenizer" : "tokenizer_\(number)" }
    /// The folders of parts that may be absent.
    fileprivate var optional: Set<String> {
        Set(optionalTexts.flatMap { [Self.encoder($0), Self.tokenizer($0)] })
    }
}

/// The parts of a diffusion pipeline.
public struct DiffusionParts {
    /// A text encoder with the tokenizer that makes its ids.
    public struct Text {
        /// Turns texts into ids.
        public var tokenizer: any Tokenizer
        /// Turns ids into states.
        public var encoder: any TextEncoder
        /// Ids of a text as the family takes them, begin, end and padding included.
        public var length: Int

        /// A tokenizer and an encoder.
        /// - Parameter length: nil is what the tokenizer states, or else the encoder's positions.
        public init(tokenizer: any Tokenizer, encoder: any TextEncoder, length: Int? = nil) {
            self.tokenizer = tokenizer
            self.encoder = encoder
            self.length = length ?? min(tokenizer.maximumLength ?? encoder.positions, encoder.positions)
        }

        /// The ids of a text and their mask, i64 `[1, T]` each, and how many tokens were cut off.
        /// - Parameters:
        ///   - length: nil is the family's.
        ///   - side: where short texts are filled up; nil is the tokenizer's own side.
        /// - Throws: `TokenizerError` for a text that is too long where that is an error.
        public func ids(
            _ text: String, length: Int? = nil, overflow: Overflow, side: Side? = nil
        ) throws -> (ids: Tensor, mask: Tensor, lost: Int) {
            let found = try tokenizer.encode(text, length: length ?? self.length, overflow: overflow, side: side)
            let shape = [1, found.ids.count]
            return (
                try Tensor(found.ids.map(Int64.init), shape: shape),
                try Tensor(found.attentionMask.map(Int64.init), shape: shape), found.lost
            )
        }
    }

    /// The text encoders by their numbers, from 1: the one in `text_encoder_2` has the number 2.
    public var texts: [Int: Text]
    /// Says what is noise.
    public var denoiser: any Denoiser
    /// The folder of the denoiser.
    public var denoiserName: String
    /// Turns latents into pictures.
    public var autoencoder: any Autoencoder

    /// Puts parts together.
    public init(
        texts: [Int: Text] = [:], denoiser: any Denoiser, denoiserName: String, autoencoder: any Autoencoder
    ) {
        self.texts = texts
        self.denoiser = denoiser
        self.denoiserName = denoiserName
        self.autoencoder = autoencoder
    }

    /// Opens the parts of a folder. What is wrong with small files is said before gigabytes are read.
    /// - Throws: `FileError`, `CheckpointError` and `TensorError` where a part is absent, damaged or not supported.
    init(_ folder: PipelineFolder, _ layout: PartLayout, _ compute: Compute, _ known: PipelineRegistry) throws {
        try folder.refuseParts(beside: Set(layout.names), optional: layout.optional, ignored: layout.ignored)
        let numbers = try (1...max(1, layout.texts)).filter { number in
            guard number <= layout.texts else { return false }
            let names = [PartLayout.encoder(number), PartLayout.tokenizer(number)]
            let found = names.filter(folder.has)
            if found.count == 1 {
                let missing = names.first { !folder.has($0) } ?? ""
                throw folder.fault(missing, "the pipeline has \(found[0]), which wants this part, and it is missing")
            }
            return !found.isEmpty
        }
        let places = try (folder.place(layout.denoiser), folder.place("vae"))
        let tokenizers = try numbers.map { number in
            let name = PartLayout.tokenizer(number)
            return try known.tokenizers.open(folder.place(name, file: nil), class: folder.partClass(name))
        }
        texts = [:]
        for (number, tokenizer) in zip(numbers, tokenizers) {
            let encoder = try known.textEncoders.open(
                folder.place(PartLayout.encoder(number)), dtype: compute.dtype, on: compute.device)
            let length = (number == 1 ? folder.textLength : nil) ?? layout.lengths[number]
            texts[number] = Text(tokenizer: tokenizer, encoder: encoder, length: length)
        }
        denoiser = try known.denoisers.open(places.0, dtype: compute.dtype, on: compute.device)
        denoiserName = layout.denoiser
        autoencoder = try known.autoencoders.open(places.1, dtype: compute.dtype, on: compute.device)
    }

    /// The text encoder of a number.
    /// - Throws: `TensorError.value` where there is none.
    public func text(_ number: Int) throws -> Text {
        guard let text = texts[number] else {
            throw fault("the pipeline wants a \(PartLayout.encoder(number)), and it has none")
        }
        return text
    }

    /// Refuses a text encoder whose tokens are not those that the denoiser reads, and lengths that it does not take.
    /// - Throws: `TensorError.value`.
    public func check(_ text: Text) throws {
        let (found, wanted) = (text.encoder.width, denoiser.contextWidth)
        guard found == wanted else {
            throw fault("the text encoder gives \(found) channels, the denoiser wants \(wanted)")
        }
        try checkLength(text)
    }

    /// Refuses a length of texts that their encoder does not take.
    /// - Throws: `TensorError.value`.
    func checkLength(_ text: Text) throws {
        guard (2...max(2, text.encoder.positions)).contains(text.length) else {
            throw fault(
                "texts of \(text.length) tokens, but the text encoder has \(text.encoder.positions) positions")
        }
    }

    /// An error about parts that do not fit together.
    public func fault(_ message: String) -> TensorError { .value(operation: "pipeline", message: message) }

    /// The parts by the names of their folders.
    public var named: [String: PipelinePart] {
        var result: [String: PipelinePart] = [denoiserName: .denoiser(denoiser), "vae": .autoencoder(autoencoder)]
        for (number, text) in texts {
            result[PartLayout.encoder(number)] = .textEncoder(text.encoder)
            result[PartLayout.tokenizer(number)] = .tokenizer(text.tokenizer, length: text.length)
        }
        return result
    }
}

extension PipelineEntry {
    /// A class of diffusion pipelines, whose folders hold the parts of a layout.
    /// - Parameter family: puts the family together of its parts, or says what does not fit.
    public init(
        _ className: String, about: String, layout: PartLayout, options: [FamilyOption] = [],
        family: @escaping (DiffusionParts) throws -> any DiffusionFamily
    ) {
        self.init(className, about: about, parts: layout.names, options: options) { folder, compute, known in
            guard folder.scheduler != .null else {
                throw folder.fault("scheduler", "the pipeline wants this part, and it is missing")
            }
            let scheduler = try SchedulerConfiguration(folder.scheduler, name: folder.schedulerName, known.schedulers)
            let parts = try DiffusionParts(folder, layout, compute, known)
            return try DiffusionPipeline(family(parts), scheduler: scheduler, smallFiles: folder.smallFiles())
        }
    }
}
