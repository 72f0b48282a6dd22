import Files
import Foundation

/// How a classifier is trained; the defaults are CheXGenBench's.
public struct FitOptions {
    /// How often the whole set is gone through.
    public var epochs = 10
    /// Images a step.
    public var batch = 32
    /// The learning rate at the start.
    public var learningRate = 1e-4
    /// How gradients change weights.
    public var optimizer = OptimizerKind.adam(weightDecay: 1e-5)
    /// How the learning rate changes after each epoch.
    public var schedule = LearningRateSchedule.reduceOnPlateau()
    /// Horizontal flips and rotations up to 10 degrees.
    public var augment = true
    /// Whether each epoch has an order of its own.
    public var shuffle = true
    /// Of the order and the augmentation.
    public var seed: UInt64 = 42
    /// The largest norm of all gradients together; nil does not clip.
    public var clipNorm: Double?
    /// A file that is written after each epoch, and from which an interrupted training goes on.
    public var checkpoint: String?
    /// A file of the weights with the lowest validation loss so far.
    public var best: String?

    /// The defaults.
    public init() {}

    /// What must be equal for training to go on from a checkpoint; the number of epochs may grow.
    var fingerprint: String {
        let clip = clipNorm.map { "\($0)" } ?? "none"
        let first = "batch \(batch), learning rate \(learningRate), \(optimizer), \(schedule)"
        return first + ", augment \(augment), shuffle \(shuffle), seed \(seed), clip \(clip)"
    }
}

/// What one epoch of training gave.
public struct EpochReport: Equatable, Sendable {
    /// Counted from 1.
    public var epoch: Int
    /// The mean over images of the training losses, as they were before each step.
    public var trainLoss: Double
    /// The mean over the validation images; nil without any.
    public var validationLoss: Double?
    /// The rate that the epoch was trained with.
    public var learningRate: Double
    /// Seconds by the clock.
    public var seconds: Double
}

/// What can go wrong in training, beside wrong arguments.
public enum TrainingError: InputFault, Equatable, CustomStringConvertible {
    /// The loss of a batch is not a number.
    case notFinite(loss: Double, epoch: Int, batch: Int, files: [String])
    /// The validation loss is not a number: the weights have grown without bound.
    case validationNotFinite(loss: Double, epoch: Int)
    /// The loss or the gradient of a step is not a number.
    case stepNotFinite(loss: Double, gradientNorm: Double, step: Int, rate: Double)
    /// A LoRA that a training was to begin with does not fit.
    case adapter(path: String, message: String)
    /// A checkpoint is not one of this training.
    case checkpoint(path: String, message: String)

    /// The message, as scripts and users read it.
    public var description: String {
        switch self {
        case .notFinite(let loss, let epoch, let batch, let files):
            return
                "training: the loss became \(loss) in epoch \(epoch), batch \(batch): lower the learning rate, or look "
                + "at its files: " + files.joined(separator: ", ")
        case .validationNotFinite(let loss, let epoch):
            return "training: the validation loss became \(loss) in epoch \(epoch): lower the learning rate"
        case .stepNotFinite(let loss, let norm, let step, let rate):
            return
                "training: in step \(step) the loss is \(loss) and the gradient's norm \(norm), at a learning rate of "
                + "\(rate): lower the learning rate, or look at the weights that it began with"
        case .checkpoint(let path, let message), .adapter(let path, let message): return "\(path): \(message)"
        }
    }
}
