import Diffusion
import Encoders
import Files
import Networks
import Foundation
import Tensors
import Tokenizers

/// A tokenizer of letters: each scalar of a text is its own id.
final class LetterTokenizer: Tokenizer {
    let vocabularySize = 130
    let maximumLength: Int? = 8
    let padID: Int? = 129
    let beginID: Int? = 128
    let endID: Int? = 129

    func tokens(_ text: String) -> [Int] { text.unicodeScalars.map { Int($0.value) % 128 } }
    func token(_ id: Int) -> String? { Unicode.Scalar(UInt32(id)).map(String.init) }
}

/// States that are the ids, scaled.
final class IdEncoder: TextEncoder {
    let width = 2
    let positions = 8
    let dtype = DType.f32
    let files: [(file: String, sha256: String)] = [("text", "t")]
    /// How many texts were encoded.
    var calls = 0
    /// How often its memory was given back.
    var releases = 0

    func releaseMemory() { releases += 1 }

    func encode(_ ids: Tensor, mask: Tensor?, _ request: TextRequest) throws -> TextStates {
        calls += 1
        let values = try ids.array(Int64.self).flatMap { id -> [Float] in [Float(id) / 128, 1] }
        return TextStates(states: try Tensor(values, shape: ids.shape + [2]))
    }
}

/// An answer that depends on latents, timestep and context, and remembers what it was asked.
final class FormulaDenoiser: Denoiser {
    let latentChannels = 4
    let sampleSize = 4
    let contextWidth = 2
    let dtype = DType.f32
    let files: [(file: String, sha256: String)] = [("unet", "u")]
    var calls: [(count: Int, timestep: Float)] = []
    /// The call, from 0, that answers with NaN.
    var bad: Int?

    func forward(
        _ latents: Tensor, timestep: Float, conditioning: Conditioning, guidance: Float?
    ) throws -> Tensor {
        calls.append((latents.shape[0], timestep))
        let words = try conditioning.states.contiguous().array(Float.self)
        let perText = words.count / latents.shape[0]
        var values = try latents.contiguous().array(Float.self)
        let perLatent = values.count / latents.shape[0]
        for index in values.indices {
            let text = index / perLatent
            let mean = words[text * perText..<(text + 1) * perText].reduce(0, +) / Float(perText)
            values[index] = calls.count - 1 == bad ? .nan : sin(values[index] + mean) * (0.5 + timestep / 2000)
        }
        return try Tensor(values, shape: latents.shape)
    }
}

/// Pixels that are the first three channels of their cell.
final class CopyingAutoencoder: Autoencoder {
    let latentChannels = 4
    let scale = 2
    let scalingFactor = 0.5
    let dtype = DType.f32
    let files: [(file: String, sha256: String)] = [("vae", "v")]

    func encode(_ pictures: Tensor) throws -> Tensor { pictures }

    func decode(_ latents: Tensor) throws -> Tensor {
        let (count, height, width) = (latents.shape[0], latents.shape[1], latents.shape[2])
        let values = try latents.contiguous().array(Float.self)
        var pixels: [Float] = []
        for image in 0..<count {
            for y in 0..<height * 2 {
                for x in 0..<width * 2 {
                    let cell = ((image * height + y / 2) * width + x / 2) * 4
                    pixels += values[cell..<cell + 3]
                }
            }
        }
        return try Tensor(pixels, shape: [count, height * 2, width * 2, 3])
    }

    func decodeTiled(_ latents: Tensor) throws -> Tensor { try decode(latents) }
}

extension DiffusionPipeline {
    /// A Stable Diffusion of formulas.
    static func standIn(
        _ denoiser: FormulaDenoiser = FormulaDenoiser(), textEncoder: IdEncoder = IdEncoder(),
        cacheLimit: Int = 1 << 20, keptLimit: Int? = nil
    ) throws -> DiffusionPipeline {
        let text = DiffusionParts.Text(tokenizer: LetterTokenizer(), encoder: textEncoder)
        let family = try StableDiffusion(
            DiffusionParts(
                texts: [1: text], denoiser: denoiser, denoiserName: "unet", autoencoder: CopyingAutoencoder()))
        return try DiffusionPipeline(
            family, scheduler: formulaScheduler(), cacheLimit: cacheLimit, keptLimit: keptLimit)
    }

    /// The scheduler's options of the stand-ins.
    static func formulaScheduler() throws -> SchedulerConfiguration {
        try SchedulerConfiguration(
            .object([
                ("_class_name", .string("PNDMScheduler")), ("skip_prk_steps", .boolean(true)),
                ("beta_schedule", .string("scaled_linear")), ("steps_offset", .integer(1)),
            ]), name: "scheduler")
    }
}

/// A scheduler that takes half of the answer away in every step.
final class HalvingScheduler: Scheduler {
    let name = "OutsideScheduler"
    let trainTimesteps = 1000
    private(set) var timesteps: [Float] = []
    let sigmas: [Float] = []
    private(set) var stepIndex = 0
    let initialNoiseSigma: Float = 1
    let needsNoise = false

    func setTimesteps(_ steps: Int) throws {
        timesteps = (0..<steps).map { Float(steps - $0) }
        stepIndex = 0
    }

    func modelInput(_ sample: Tensor) throws -> Tensor { sample }

    func step(_ modelOutput: Tensor, sample: Tensor, noise: Tensor?) throws -> Tensor {
        stepIndex += 1
        let pairs = zip(try sample.contiguous().array(Float.self), try modelOutput.contiguous().array(Float.self))
        return try Tensor(pairs.map { $0 - $1 / 2 }, shape: sample.shape)
    }

    func state() throws -> [String: Tensor] { ["step": try Tensor([Int64(stepIndex)], shape: [1])] }

    func restore(_ state: [String: Tensor]) throws {
        stepIndex = Int(try state["step"]?.array(Int64.self).first ?? 0)
    }
}
