import Tensors
import Tokenizers

/// What a text-to-image pipeline shall make.
public struct GenerationOptions {
    /// The texts, one a picture.
    public var prompts: [String]
    /// What the pictures shall not show, one a picture; used where `guidanceScale` is above 1.
    public var negativePrompts: [String]
    /// PyTorch's seed of each picture.
    public var seeds: [UInt64]
    /// Steps of the scheduler.
    public var steps = 50
    /// The weight of the text against the negative text; 1 and less is the text alone, with half the work.
    public var guidanceScale = 7.5
    /// Pixels; multiples of the autoencoder's scale.
    public var width = 512
    /// Pixels; multiples of the autoencoder's scale.
    public var height = 512
    /// Another scheduler than the model's.
    public var scheduler: SchedulerKind?
    /// DDIM's weight of fresh noise.
    public var eta = 0.0
    /// Standard normal noise to begin with, f32 `[N, h, w, C]`, in place of the seeds'.
    public var latents: Tensor?
    /// What happens to texts that are too long.
    public var overflow = Overflow.truncate

    /// Options for these prompts, with empty negative prompts.
    public init(prompts: [String], seeds: [UInt64]) {
        self.prompts = prompts
        self.seeds = seeds
        negativePrompts = [String](repeating: "", count: prompts.count)
    }
}
