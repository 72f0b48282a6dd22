import Encoders
import Files
import Foundation
import Tensors
import Tokenizers

/// The Stable Diffusion family: a text encoder, a denoiser with cross attention, and an autoencoder, as diffusers'
/// `StableDiffusionPipeline` runs them.
public final class StableDiffusionPipeline {
    /// Turns texts into ids.
    public let tokenizer: any Tokenizer
    /// Turns ids into the context.
    public let textEncoder: any TextEncoder
    /// Says what is noise.
    public let denoiser: any Denoiser
    /// Turns latents into pictures.
    public let autoencoder: any Autoencoder
    /// Ids of a text, begin and end included.
    public let textLength: Int
    private let schedulerJSON: JSON
    private let schedulerName: String
    private let ownScheduler: SchedulerConfiguration
    private let smallFiles: [(file: String, sha256: String)]

    /// Puts a pipeline together.
    /// - Parameters:
    ///   - textLength: ids of a text; nil is what the tokenizer states, or else the encoder's positions.
    ///   - smallFiles: the files of the tokenizer and the scheduler, with their SHA-256.
    /// - Throws: `TensorError.value` for parts that do not fit, and what the scheduler's options throw.
    public init(
        tokenizer: any Tokenizer, textEncoder: any TextEncoder, denoiser: any Denoiser, autoencoder: any Autoencoder,
        scheduler: JSON, schedulerName: String, textLength: Int? = nil,
        smallFiles: [(file: String, sha256: String)] = []
    ) throws {
        self.smallFiles = smallFiles
        self.tokenizer = tokenizer
        self.textEncoder = textEncoder
        self.denoiser = denoiser
        self.autoencoder = autoencoder
        schedulerJSON = scheduler
        self.schedulerName = schedulerName
        ownScheduler = try SchedulerConfiguration(scheduler, name: schedulerName).adjustedForStableDiffusion()
        func fault(_ message: String) -> TensorError { .value(operation: "pipeline", message: message) }
        let wanted = textLength ?? min(tokenizer.maximumLength ?? textEncoder.positions, textEncoder.positions)
        guard (2...textEncoder.positions).contains(wanted) else {
            throw fault("texts of \(wanted) tokens, but the text encoder has \(textEncoder.positions) positions")
        }
        self.textLength = wanted
        guard textEncoder.width == denoiser.contextWidth else {
            throw fault(
                "the text encoder gives \(textEncoder.width) channels, the denoiser wants \(denoiser.contextWidth)")
        }
        guard denoiser.latentChannels == autoencoder.latentChannels else {
            throw fault(
                "the denoiser makes latents of \(denoiser.latentChannels) channels, the autoencoder reads "
                    + "\(autoencoder.latentChannels)")
        }
    }

    /// The files that pictures depend on, with their SHA-256.
    public var files: [(file: String, sha256: String)] {
        smallFiles + textEncoder.files + denoiser.files + autoencoder.files
    }

    /// One hash over everything that pictures depend on beside `GenerationOptions`: files, dtypes, the scheduler's options.
    public var identity: String {
        let parts =
            files.map(\.sha256)
            + [textEncoder.dtype.rawValue, denoiser.dtype.rawValue, autoencoder.dtype.rawValue]
            + [schedulerJSON.text(), String(textLength)]
        return SHA256.hex(of: parts.joined(separator: "\n"))
    }

    /// Pixels a side that the denoiser was trained on.
    public var defaultSize: Int { denoiser.sampleSize * autoencoder.scale }

    /// The name of the model's own scheduler.
    public var schedulerKind: SchedulerKind { ownScheduler.kind }

    /// The scheduler of a run: the model's own, or another one with the model's options (diffusers' `from_config`).
    func makeScheduler(_ kind: SchedulerKind?, eta: Double) throws -> any Scheduler {
        guard let kind, kind != ownScheduler.kind else { return try ownScheduler.makeScheduler(eta: eta) }
        var other = try SchedulerConfiguration(schedulerJSON, name: schedulerName, kind: kind)
        other.stepsOffset = ownScheduler.stepsOffset
        return try other.makeScheduler(eta: eta)
    }

    /// Begins to make pictures: checks everything that can be checked, and encodes the texts.
    /// - Throws: `TensorError.value` naming the option that is wrong; `TokenizerError` for a text that is too long where
    ///   that is an error.
    public func begin(_ options: GenerationOptions) throws -> DenoisingProcess {
        func fault(_ message: String) -> TensorError { .value(operation: "generate", message: message) }
        let count = options.prompts.count
        guard count > 0 else { throw fault("there is no prompt") }
        guard options.seeds.count == count else { throw fault("\(options.seeds.count) seeds for \(count) prompts") }
        guard options.negativePrompts.count == count else {
            throw fault("\(options.negativePrompts.count) negative prompts for \(count) prompts")
        }
        guard options.guidanceScale.isFinite else { throw fault("a guidance scale of \(options.guidanceScale)") }
        let scale = autoencoder.scale
        for (name, size) in [("width", options.width), ("height", options.height)] {
            guard size > 0, size % scale == 0, size <= 16_384 else {
                throw fault("wanted a \(name) that is a multiple of \(scale), up to 16384, got \(size)")
            }
        }
        let scheduler = try makeScheduler(options.scheduler, eta: options.eta)
        try scheduler.setTimesteps(options.steps)
        let (height, width) = (options.height / scale, options.width / scale)
        let noise = try LatentNoise(
            seeds: options.seeds, height: height, width: width, channels: denoiser.latentChannels)
        let shape = [count, height, width, denoiser.latentChannels]
        if let given = options.latents, given.shape != shape || given.dtype != .f32 {
            throw fault(
                "wanted latents f32 \(Tensor.text(shape)), got \(given.dtype) \(Tensor.text(given.shape))")
        }
        let start = try options.latents ?? noise.next()
        let sigma = scheduler.initialNoiseSigma
        let latents = try Elementwise.map(start) { $0 * sigma }

        let isGuided = options.guidanceScale > 1
        let texts = (isGuided ? options.negativePrompts : []) + options.prompts
        var lost: [Int] = []
        var ids: [Int64] = []
        for text in texts {
            let encoding = try tokenizer.encode(text, length: textLength, overflow: options.overflow)
            lost.append(encoding.lost)
            ids += encoding.ids.map(Int64.init)
        }
        let context = try contexts(ids, count: texts.count)
        return DenoisingProcess(
            denoiser: denoiser, scheduler: scheduler, noise: noise, latents: latents, context: context,
            guidance: isGuided ? Float(options.guidanceScale) : nil, lostTokens: Array(lost.suffix(count)))
    }

    /// The context of every text, f32 `[count, T, D]`; equal texts are encoded once.
    private func contexts(_ ids: [Int64], count: Int) throws -> Tensor {
        var places: [ArraySlice<Int64>: Tensor] = [:]
        var rows: [Tensor] = []
        for text in 0..<count {
            let row = ids[text * textLength..<(text + 1) * textLength]
            let states = try places[row] ?? textEncoder.states(Tensor(Array(row), shape: [1, textLength]))
            places[row] = states
            rows.append(states)
        }
        return try Tensor.cat(rows, axis: 0)
    }

    /// Pictures u8 `[N, H, W, 3]` of a denoiser's latents f32 `[N, h, w, C]`, decoded one after the other.
    /// - Parameter isTiled: decode in overlapping tiles.
    /// - Throws: `TensorError.value` where a value is not finite.
    public func decode(_ latents: Tensor, isTiled: Bool = false) throws -> Tensor {
        var pictures: [Tensor] = []
        let factor = Float(autoencoder.scalingFactor)
        denoiser.releaseMemory()
        defer { autoencoder.releaseMemory() }
        for index in 0..<latents.shape[0] {
            try Cancellation.check()
            let one = try Elementwise.map(latents.narrow(0, index, 1)) { $0 / factor }
            let picture = try isTiled ? autoencoder.decodeTiled(one) : autoencoder.decode(one)
            pictures.append(try Self.bytes(picture))
        }
        return try Tensor.cat(pictures, axis: 0)
    }

    /// Grey levels of values from -1 to 1 as diffusers' image processor makes them: ties go to even.
    static func bytes(_ picture: Tensor) throws -> Tensor {
        let result = try Tensor(uninitialized: picture.shape, .u8)
        var hasBadValue = false
        try picture.contiguous().withElements(Float.self) { values in
            try result.withElements(UInt8.self) { bytes in
                for index in bytes.indices {
                    let value = values[index]
                    guard value.isFinite else {
                        hasBadValue = true
                        bytes[index] = 0
                        continue
                    }
                    let unit = min(max(value / 2 + 0.5, 0), 1)
                    bytes[index] = UInt8((unit * 255).rounded(.toNearestOrEven))
                }
            }
        }
        if hasBadValue {
            throw TensorError.value(operation: "decode", message: "the picture holds values that are not finite")
        }
        return result
    }
}
