import Foundation

/// How the learning rate changes from epoch to epoch, with PyTorch's semantics.
public enum LearningRateSchedule: Equatable, Sendable {
    case constant
    /// `ReduceLROnPlateau(mode="min", threshold_mode="rel")`.
    case reduceOnPlateau(factor: Double = 0.1, patience: Int = 2, threshold: Double = 1e-4, minimum: Double = 0)
    /// `CosineAnnealingLR` over `epochs`.
    case cosine(epochs: Int, minimum: Double = 0)
    /// `StepLR`.
    case step(size: Int, factor: Double = 0.1)
}

/// What a schedule remembers between epochs.
public struct ScheduleState: Equatable, Sendable {
    /// The rate that training began with.
    public var initialRate: Double
    /// The lowest loss so far.
    public var best = Double.infinity
    /// Epochs without a lower one.
    public var badEpochs = 0

    /// The state at the start.
    public init(initialRate: Double) { self.initialRate = initialRate }

    /// The learning rate after `epoch` epochs, of which the last one had `loss`.
    public mutating func next(_ schedule: LearningRateSchedule, rate: Double, epoch: Int, loss: Double) -> Double {
        switch schedule {
        case .constant: return rate
        case .reduceOnPlateau(let factor, let patience, let threshold, let minimum):
            if loss < best * (1 - threshold) {
                best = loss
                badEpochs = 0
            } else {
                badEpochs += 1
            }
            guard badEpochs > patience else { return rate }
            badEpochs = 0
            let reduced = max(rate * factor, minimum)
            return rate - reduced > 1e-8 ? reduced : rate
        case .cosine(let epochs, let minimum):
            let part = Double(epoch) / Double(max(1, epochs))
            return minimum + (initialRate - minimum) * (1 + cos(Double.pi * part)) / 2
        case .step(let size, let factor):
            return initialRate * pow(factor, Double(epoch / max(1, size)))
        }
    }
}
