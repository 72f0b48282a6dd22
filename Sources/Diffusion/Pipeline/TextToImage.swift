import Encoders
import Files
import Tensors

/// A model that makes pictures of texts: what `model.pipeline` opens, whatever is inside.
public protocol TextToImage: AnyObject {
    /// The class that `model_index.json` names.
    var className: String { get }
    /// Its parts by the names of their folders.
    var parts: [String: PipelinePart] { get }
    /// The dtype that it computes in.
    var dtype: DType { get }
    /// The files that pictures depend on, with their SHA-256.
    var files: [(file: String, sha256: String)] { get }
    /// What a user should know of the files: keys that were let be.
    var notes: [String] { get }
    /// One hash over everything that pictures depend on beside `GenerationOptions`.
    var identity: String { get }
    /// What a picture is made with where nothing is asked for.
    var defaults: GenerationDefaults { get }
    /// The script's name of the model's own scheduler, or its class where it is not implemented.
    var schedulerName: String { get }
    /// The options of `generate` that other models have and this one has not, by the names that scripts use.
    var lacks: Set<String> { get }

    /// The LoRA files that change its weights, in order.
    var adapters: [Adapter] { get }
    /// Adds the products of LoRA files to its weights, before the first picture.
    /// - Throws: `CheckpointError.adapter` where one does not fit.
    func adapt(_ adapters: [Adapter]) throws

    /// What its weights take of memory, and when; nil where that is not known.
    var memory: MemoryPlan? { get }
    /// Lets weights go behind each block of a network, and makes them again in the next pass.
    func stream()

    /// What pictures with these options will be made with. Checks everything that needs no network.
    /// - Throws: `TensorError.value` naming the option that is wrong; `TokenizerError` for a text that is too long where
    ///   that is an error.
    func settings(_ options: GenerationOptions) throws -> GenerationSettings

    /// What the denoiser reads of texts that pictures shall show, with how many tokens of each were cut off.
    /// - Throws: as `settings`.
    func encode(_ texts: [String], _ options: TextOptions) throws -> (conditioning: Conditioning, lost: [Int])

    /// Encodes texts of pictures ahead, as far as there is room for them, and lets go of the networks that did it: of the
    /// pictures that follow, none loads them again.
    /// - Parameters:
    ///   - folder: where encoded texts are kept for these pictures, for others and for a later process; nil keeps as many as have
    ///     room in memory.
    ///   - watch: is told how many of how many texts the folder has, or, of models that write the codes of the next pictures
    ///     together, how many of how many are written.
    /// - Returns: of how many pictures, from the first, the texts are at hand; at least one.
    /// - Throws: as `settings`; `FileError` where the folder cannot be written to.
    func prepare(
        _ options: GenerationOptions, keptIn folder: String?, watch: ((_ done: Int, _ all: Int) throws -> Void)?
    ) throws -> Int

    /// How many texts were encoded so far, beside those that were kept; nil of models that encode none.
    var encodedTexts: Int? { get }

    /// Begins to make pictures: checks everything that can be checked, and encodes the texts.
    /// - Throws: as `settings`.
    func begin(_ options: GenerationOptions) throws -> any GenerationProcess

    /// The pictures u8 `[N, H, W, 3]` of a process that is done.
    /// - Parameter isTiled: decode in overlapping tiles, with less memory.
    /// - Throws: `TensorError.value` where a value is not finite.
    func finish(_ process: any GenerationProcess, isTiled: Bool) throws -> Tensor
}

extension TextToImage {
    /// Nothing is done ahead.
    public func prepare(
        _ options: GenerationOptions, keptIn folder: String?, watch: ((_ done: Int, _ all: Int) throws -> Void)?
    ) throws -> Int { options.prompts.count }

    /// It encodes none.
    public var encodedTexts: Int? { nil }

    /// As the other `prepare`, without a watcher.
    public func prepare(_ options: GenerationOptions, keptIn folder: String?) throws -> Int {
        try prepare(options, keptIn: folder, watch: nil)
    }

    /// None.
    public var lacks: Set<String> { [] }
    /// Not known.
    public var memory: MemoryPlan? { nil }
    /// It holds all weights.
    public func stream() {}

    /// None.
    public var adapters: [Adapter] { [] }

    /// Refuses them.
    public func adapt(_ adapters: [Adapter]) throws {
        if let first = adapters.first {
            throw TensorError.value(
                operation: "lora", message: "\(first.lora.path): \(className) has no weights that a LoRA changes")
        }
    }
}

/// What a picture is made with where nothing is asked for.
public struct GenerationDefaults: Sendable, Equatable {
    /// Steps of the scheduler.
    public var steps: Int
    /// The weight of the text against the negative text.
    public var guidanceScale: Double
    /// Pixels.
    public var width, height: Int
    /// Width and height are multiples of it.
    public var sizeUnit: Int

    /// The defaults of a model.
    public init(steps: Int, guidanceScale: Double, width: Int, height: Int, sizeUnit: Int) {
        self.steps = steps
        self.guidanceScale = guidanceScale
        self.width = width
        self.height = height
        self.sizeUnit = sizeUnit
    }
}

/// What pictures will be made with, beside their options.
public struct GenerationSettings: Sendable, Equatable {
    /// The script's name of the scheduler.
    public var scheduler: String
    /// For each prompt, how many tokens do not fit.
    public var lostTokens: [Int]

    /// What pictures will be made with.
    public init(scheduler: String, lostTokens: [Int]) {
        self.scheduler = scheduler
        self.lostTokens = lostTokens
    }
}

/// Pictures under way, step by step: a caller can watch them, stop between steps, save their state and go on later, with
/// the same result to the bit.
public protocol GenerationProcess: AnyObject {
    /// What the steps work on: latents f32 `[N, H, W, C]` of diffusion, codes i64 `[N, T]` of models that write them.
    var latents: Tensor { get }
    /// The codes i64 `[N, T]` that the pictures are drawn from; nil of other models, and before they are written.
    var codes: Tensor? { get }
    /// For each prompt, how many tokens were cut off.
    var lostTokens: [Int] { get }
    /// Steps in all: calls of the network, of which some schedulers have more than steps.
    var steps: Int { get }
    /// Steps that are done.
    var stepsDone: Int { get }

    /// Does the next step.
    /// - Throws: `TensorError.value` where all are done, or where the result is not finite.
    func advance() throws

    /// Everything that the rest of the run depends on beside the pipeline and the options.
    func state() throws -> [String: Tensor]

    /// Goes on where `state` was taken in a process with the same pipeline and options.
    /// - Throws: `TensorError.value` for the state of another run, or one that holds nonsense.
    func restore(_ state: [String: Tensor]) throws
}

extension GenerationProcess {
    /// There are none.
    public var codes: Tensor? { nil }
    /// Whether the pictures can be finished.
    public var isDone: Bool { stepsDone >= steps }
}
