import Files
import Tensors

/// What a text-to-image pipeline shall make.
public struct GenerationOptions {
    /// The texts, one a picture.
    public var prompts: [String]
    /// What the pictures shall not show, one a picture; used where `guidanceScale` is above 1.
    public var negativePrompts: [String]
    /// PyTorch's seed of each picture.
    public var seeds: [UInt64]
    /// Steps of the scheduler.
    public var steps: Int
    /// The weight of the text against the negative text; 1 and less is the text alone, with half the work.
    public var guidanceScale: Double
    /// Pixels; multiples of the model's size unit.
    public var width, height: Int
    /// The name of another scheduler than the model's: its class, or the name that scripts use.
    public var scheduler: String?
    /// DDIM's weight of fresh noise.
    public var eta = 0.0
    /// Standard normal noise to begin with, f32 `[N, h, w, C]`, in place of the seeds'.
    public var latents: Tensor?
    /// How texts become what the denoiser reads.
    public var text = TextOptions()

    /// Options for these prompts, with empty negative prompts.
    public init(prompts: [String], seeds: [UInt64], _ defaults: GenerationDefaults) {
        self.prompts = prompts
        self.seeds = seeds
        negativePrompts = [String](repeating: "", count: prompts.count)
        steps = defaults.steps
        guidanceScale = defaults.guidanceScale
        (width, height) = (defaults.width, defaults.height)
    }
}

extension GenerationOptions {
    /// The options of one picture of several, counted from 0: made alone, it is the same as among the others.
    /// - Throws: `TensorError.value` where the options are not those of that many pictures.
    public func one(_ index: Int) throws -> GenerationOptions { try pictures(index..<index + 1) }

    /// The options of some pictures of several, counted from 0.
    /// - Throws: as `one`.
    public func pictures(_ range: Range<Int>) throws -> GenerationOptions {
        let count = prompts.count
        guard range.lowerBound >= 0, range.upperBound <= count, !range.isEmpty, seeds.count == count,
            negativePrompts.count == count
        else {
            throw TensorError.value(
                operation: "generate",
                message: "\(count) prompts, \(seeds.count) seeds and \(negativePrompts.count) negative prompts")
        }
        var result = self
        result.prompts = Array(prompts[range])
        result.seeds = Array(seeds[range])
        result.negativePrompts = Array(negativePrompts[range])
        if let latents {
            guard latents.rank == 4, latents.shape[0] == count else {
                throw TensorError.value(
                    operation: "generate",
                    message: "wanted latents of \(count) pictures, got \(Tensor.text(latents.shape))")
            }
            result.latents = try latents.narrow(0, range.lowerBound, range.count).contiguous()
        }
        return result
    }

    /// One hash over everything here that the pictures depend on.
    public func identity() throws -> String {
        var parts = prompts + negativePrompts + seeds.map { String($0) }
        parts += ["\(steps) \(guidanceScale) \(width) \(height) \(eta)", scheduler ?? "", text.key]
        if let latents {
            let packed = try latents.contiguous()
            parts.append(
                withExtendedLifetime(packed) {
                    SHA256.hex(
                        of: UnsafeRawBufferPointer(start: packed.pointer, count: packed.count * packed.dtype.size))
                })
        }
        // Lengths first, so that no two lists of texts are one text.
        return SHA256.hex(of: parts.map { "\($0.utf8.count):\($0)" }.joined())
    }
}
