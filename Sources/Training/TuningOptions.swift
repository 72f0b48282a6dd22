import Foundation

/// The sizes of a LoRA; the defaults are LLaVA-Rad's.
public struct AdapterSettings: Equatable, Sendable {
    /// Channels between A and B.
    public var rank = 64
    /// The product is multiplied by α / rank.
    public var alpha = 128.0
    /// The share of an adapter's inputs that is dropped in training.
    public var dropout = 0.05

    /// The defaults.
    public init() {}

    /// α / rank.
    public var scale: Double { alpha / Double(rank) }
}

/// How a language model is fine-tuned; the defaults are LLaVA-Rad's as CheXGenBench trains it.
public struct TuningOptions {
    /// The adapter.
    public var adapter = AdapterSettings()
    /// How often the whole set is gone through.
    public var epochs = 1
    /// Texts of a micro-batch, whose loss is the mean over all their tokens.
    public var batch = 16
    /// Micro-batches a step, whose losses' mean it descends.
    public var accumulation = 1
    /// The learning rate at its highest.
    public var learningRate = 1e-4
    /// The share of the steps that the rate rises in, linearly; then it falls as a cosine to 0.
    public var warmup = 0.03
    /// Decoupled from the gradient (AdamW).
    public var weightDecay = 0.0
    /// The largest norm of all gradients together; nil does not clip.
    public var clipNorm: Double? = 1
    /// Whether each epoch has an order of its own.
    public var shuffle = true
    /// Of A, the order and the masks.
    public var seed: UInt64 = 42
    /// The longest text; longer ones are cut behind it.
    public var maximumLength = 2048
    /// Whether layers run again on the way back, so that their activations are not kept.
    public var isCheckpointing = true
    /// A file that is written every `checkpointEvery` steps and behind each epoch, and from which an interrupted training goes on.
    public var checkpoint: String?
    /// Steps between two checkpoints.
    public var checkpointEvery = 100
    /// A LoRA whose products training begins with, a folder, a file or a Hub name; nil draws A as peft does, and B is 0.
    public var start: String?

    /// The defaults.
    public init() {}

    /// What must be equal for training to go on from a checkpoint.
    /// - Parameter start: what tells the LoRA that training begins with from others; nil where there is none.
    func fingerprint(start: String?) -> String {
        let clip = clipNorm.map { "\($0)" } ?? "none"
        return
            "rank \(adapter.rank), alpha \(adapter.alpha), dropout \(adapter.dropout), epochs \(epochs), batch \(batch), "
            + "accumulation \(accumulation), learning rate \(learningRate), warm-up \(warmup), weight decay "
            + "\(weightDecay), clip \(clip), shuffle \(shuffle), seed \(seed), max_length \(maximumLength), start "
            + (start ?? "none")
    }

    /// Micro-batches of an epoch, and steps of the training, as transformers' Trainer counts them.
    func plan(_ count: Int) -> (batches: Int, steps: Int) {
        let batches = (count + batch - 1) / batch
        return (batches, epochs * max(1, batches / accumulation))
    }

    /// The learning rate of a step, from 0: transformers' `get_cosine_schedule_with_warmup`.
    public func rate(_ step: Int, of steps: Int) -> Double {
        let rising = Int((Double(steps) * warmup).rounded(.up))
        if step < rising { return learningRate * Double(step) / Double(max(1, rising)) }
        let part = Double(step - rising) / Double(max(1, steps - rising))
        return learningRate * max(0, 0.5 * (1 + cos(Double.pi * part)))
    }

    /// The seed of a stream of its own.
    static func stream(_ seed: UInt64, _ index: Int, _ purpose: UInt64) -> UInt64 {
        var z = seed &+ UInt64(bitPattern: Int64(index)) &* 0x9E37_79B9_7F4A_7C15 &+ purpose &* 0xD1B5_4A32_D192_ED03
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}

/// What one step of a fine-tuning gave.
public struct TuningStep: Equatable, Sendable {
    /// Counted from 1, and how many there will be.
    public var step, steps: Int
    /// The epoch that its last text is of, counted from 1.
    public var epoch: Int
    /// The mean of the micro-batches' losses, as they were before the step.
    public var loss: Double
    /// The rate that it was taken with.
    public var learningRate: Double
    /// The norm of all gradients together, before it was clipped.
    public var gradientNorm: Double
    /// Seconds by the clock.
    public var seconds: Double
}

/// What a fine-tuning gave.
public struct TuningHistory: Sendable {
    /// Every step, those before an interruption as well.
    public internal(set) var steps: [TuningStep] = []
    /// Every epoch; its training loss is the mean of its steps'.
    public internal(set) var epochs: [EpochReport] = []
}
