import Encoders
import Engine
import Files
import Identity
import Imaging
import Tensors
import Tokenizers
import Training

/// A language model that sees images.
public protocol VisionLanguageModel: AnyObject {
    /// The registered name.
    var name: String { get }
    /// What writes.
    var language: any LanguageModel { get }
    /// The compute dtype.
    var dtype: DType { get }
    /// The files that it was opened from, with the SHA-256 of what was read.
    var files: [(file: String, sha256: String)] { get }
    /// What a user should know of its configuration.
    var notes: [String] { get }
    /// The steps from an image to pixels, in words.
    var preprocessing: String { get }
    /// What the network sees of an image, u8 `[S, S, 3]`. Safe to call from several threads.
    func preprocess(_ image: Image) throws -> Tensor
    /// An image's tokens for the language model, f32 `[T, width]`, of preprocessed images.
    /// - Throws: `TensorError` for other images; `FileError` where the weights were changed in use.
    func tokens(_ images: [Tensor]) throws -> [Tensor]
    /// A question about an image, with all that stands around it where the model was trained.
    /// - Parameter image: its tokens.
    /// - Throws: `TensorError.value` for a question that cannot be asked.
    func prompt(_ question: String, image: Tensor) throws -> Prompt
    /// How many tokens of a question and an image stand before the answer.
    /// - Throws: as `prompt`.
    func promptLength(_ question: String) throws -> Int
    /// A trainer of what a fine-tuning changes, from the weights as they were opened.
    func trainer(_ options: TuningOptions) throws -> LanguageTrainer
    /// A question about a preprocessed image, with all that stands around it, and the answer that is learned.
    func example(_ question: String, _ answer: String, image: Tensor) throws -> TuningExample
    /// Takes what was trained into the weights that answer from now on.
    func take(_ trainer: LanguageTrainer) throws -> TunedLanguage
    /// Writes what was trained as the model's authors do.
    func save(_ tuned: TunedLanguage, to folder: String) throws
}

extension VisionLanguageModel {
    /// What its answers depend on beside images and questions.
    public var identity: FeatureIdentity {
        FeatureIdentity(
            encoder: name, source: FeatureIdentity.source(files: files.map(\.sha256)), preprocessing: preprocessing,
            output: "text", dtype: dtype.rawValue, device: language.device)
    }

    /// Answers a question about each of some preprocessed images, a batch of the options at a time.
    /// - Parameters:
    ///   - questions: one for each, or one for all.
    ///   - watch: gets the number of the image, from 0, and its answer so far, behind each token.
    /// - Returns: answers without white space around them.
    /// - Throws: as `tokens`, `prompt` and `LanguageModel.generate`.
    public func answer(
        _ images: [Tensor], _ questions: [String], _ options: WritingOptions,
        watch: ((_ index: Int, _ text: String) throws -> Void)? = nil
    ) throws -> [WrittenText] {
        guard questions.count == images.count || questions.count == 1 else {
            throw TensorError.value(
                operation: name,
                message: "\(images.count) images and \(questions.count) prompts: wanted as many, or one")
        }
        var answers: [WrittenText] = []
        for start in stride(from: 0, to: images.count, by: max(1, options.batch)) {
            let range = start..<min(images.count, start + max(1, options.batch))
            let prompts = try zip(range, tokens(Array(images[range]))).map { index, tokens in
                try prompt(questions.count == 1 ? questions[0] : questions[index], image: tokens)
            }
            var own = options
            own.seeds = range.map(options.seed)
            answers += try language.generate(
                prompts, own, watch: watch.map { watch in { try watch(start + $0, $1) } }
            ).map { written in
                var written = written
                written.text = PythonText.stripped(written.text)
                return written
            }
        }
        return answers
    }
}

/// The files of a vision-language model.
public struct VisionLanguageFiles {
    /// What they are, by the names of the options that name them.
    public enum Part: String, CaseIterable, Sendable { case base, adapter, projector, vision }

    /// The folder of the language model.
    public var base: String
    /// The folder of the LoRA and of what else was trained; nil for the base alone.
    public var adapter: String?
    /// The file of the projector; nil is the adapter's.
    public var projector: String?
    /// The folder of what sees; nil of a model that has all of it in `base`.
    public var vision: String?
    /// What the language model may be.
    public var languages = LanguageRegistry.standard

    /// Names them.
    public init(base: String, adapter: String? = nil, projector: String? = nil, vision: String? = nil) {
        (self.base, self.adapter, self.projector, self.vision) = (base, adapter, projector, vision)
    }
}

/// The vision-language models by name.
public enum VisionLanguageRegistry {
    /// A kind of vision-language model.
    public struct Entry: Sendable {
        /// What it is, in a sentence.
        public let about: String
        /// What of it the Hub has: a file of each part.
        public let hub: [(place: String, file: String)]
        /// Which of its files must be named beside `base`: of each list at least one.
        public let wanted: [[VisionLanguageFiles.Part]]
        /// Opens its files, to compute so.
        public let open: @Sendable (_ files: VisionLanguageFiles, _ compute: Compute) throws -> any VisionLanguageModel

        /// Describes a model.
        public init(
            about: String, hub: [(place: String, file: String)], wanted: [[VisionLanguageFiles.Part]] = [],
            open:
                @escaping @Sendable (
                    _ files: VisionLanguageFiles, _ compute: Compute
                ) throws -> any VisionLanguageModel
        ) {
            self.about = about
            self.hub = hub
            self.wanted = wanted
            self.open = open
        }
    }

    /// The program's own: one a file.
    public static let standard = Registry<Entry>("vision-language model", [("llava-rad", LLaVARad.entry)])
}
