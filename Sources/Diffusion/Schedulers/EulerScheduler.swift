import Files
import Foundation
import Tensors

/// Euler's method over sigmas, with or without fresh noise in every step (ancestral).
final class EulerScheduler: Scheduler {
    static let entry = SchedulerEntry("EulerDiscreteScheduler", "euler") { reader, _ in
        try EulerScheduler(reader, isAncestral: false)
    }
    static let ancestralEntry = SchedulerEntry("EulerAncestralDiscreteScheduler", "euler_ancestral") { reader, _ in
        try EulerScheduler(reader, isAncestral: true)
    }

    let name: String
    let trainTimesteps: Int
    private(set) var timesteps: [Float] = []
    private(set) var stepIndex = 0
    /// Fresh noise in every step is what ancestral sampling means.
    let needsNoise: Bool
    private(set) var sigmas: [Float] = []
    private let options: NoiseOptions
    private let spread: SigmaOptions
    private let trainSigmas: [Float]

    init(_ reader: ConfigurationReader, isAncestral: Bool) throws {
        name = (isAncestral ? Self.ancestralEntry : Self.entry).className
        needsNoise = isAncestral
        options = try NoiseOptions(
            reader, owner: name, spacing: .linspace,
            predictions: isAncestral ? [.epsilon, .velocity] : [.epsilon, .sample, .velocity])
        trainTimesteps = options.trainTimesteps
        spread = isAncestral ? SigmaOptions() : try Self.spread(reader)
        var schedule = NoiseSchedule(options)
        trainSigmas = schedule.sigmas()
    }

    private static func spread(_ reader: ConfigurationReader) throws -> SigmaOptions {
        var spread = try SigmaOptions(
            reader, [("use_karras_sigmas", .karras), ("use_exponential_sigmas", .exponential)])
        let interpolation = try reader.string("interpolation_type", among: ["linear", "log_linear"], default: "linear")
        if interpolation == "log_linear", spread.spacing == .training { spread.spacing = .logLinear }
        _ = try reader.string("timestep_type", among: ["discrete"], default: "discrete")
        return spread
    }

    var initialNoiseSigma: Float {
        let largest = sigmas.max() ?? 1
        return options.timestepSpacing == .leading ? (largest * largest + 1).squareRoot() : largest
    }

    func setTimesteps(_ steps: Int) throws {
        try checkSteps(steps)
        var times: [Float]
        switch options.timestepSpacing {
        case .linspace:
            let last = Double(trainTimesteps - 1)
            times = TimestepGrid.linspace(0, last, steps).reversed().map { Float($0) }
        case .leading:
            times = TimestepGrid.leading(steps, ratio: trainTimesteps / steps).map {
                Float($0) + Float(options.stepsOffset)
            }
        case .trailing:
            let total = trainTimesteps
            times = TimestepGrid.trailing(steps, last: total, of: total).map { Float($0) }
        }
        var values: [Double]
        if spread.spacing == .logLinear {
            // diffusers' grid has a sigma more than steps here, and zero after it; the last step ends at that sigma.
            let last = Double(log(trainSigmas[trainSigmas.count - 1]))
            values = NoiseSchedule.linspace(last, Double(log(trainSigmas[0])), steps + 1).map { Double(exp($0)) }
        } else {
            values = times.map { TimestepGrid.interpolate($0, trainSigmas) }
        }
        let smallest = spread.smallest ?? values[values.count - 1]
        let largest = spread.largest ?? values[0]
        switch spread.spacing {
        case .karras: values = TimestepGrid.karras(steps, from: largest, to: smallest)
        case .exponential: values = TimestepGrid.exponential(steps, from: largest, to: smallest)
        default: break
        }
        if spread.spacing == .karras || spread.spacing == .exponential {
            let logarithms = trainSigmas.map { log($0) }
            times = values.map { Float(TimestepGrid.timestep(of: $0, logarithms)) }
        }
        sigmas = values.map { Float($0) } + [spread.final == .zero ? 0 : trainSigmas[0]]
        timesteps = times
        stepIndex = 0
    }

    /// The sample over √(σ² + 1).
    func modelInput(_ sample: Tensor) throws -> Tensor {
        guard stepIndex < timesteps.count else {
            throw TensorError.value(
                operation: name, message: "no step is left of \(timesteps.count)")
        }
        let sigma = sigmas[stepIndex]
        let divisor = (sigma * sigma + 1).squareRoot()
        return try Elementwise.map(sample) { $0 / divisor }
    }

    func step(_ modelOutput: Tensor, sample: Tensor, noise: Tensor?) throws -> Tensor {
        try checkStep(modelOutput, sample, noise)
        let (sigma, next) = (sigmas[stepIndex], sigmas[stepIndex + 1])
        let square = sigma * sigma
        var up: Float = 0
        var target = next
        if needsNoise {
            up = (next * next * (square - next * next) / square).squareRoot()
            target = (next * next - up * up).squareRoot()
        }
        let change = target - sigma
        var result: Tensor
        switch options.predictionType {
        case .epsilon:
            result = try Elementwise.map(modelOutput, sample) { output, x in
                let image = x - sigma * output
                return x + (x - image) / sigma * change
            }
        case .sample:
            result = try Elementwise.map(modelOutput, sample) { image, x in x + (x - image) / sigma * change }
        case .velocity, .flow:
            let factor = -sigma / (square + 1).squareRoot()
            result = try Elementwise.map(modelOutput, sample) { output, x in
                let image = output * factor + x / (square + 1)
                return x + (x - image) / sigma * change
            }
        }
        if needsNoise, let noise {
            result = try Elementwise.map(result, noise) { x, noise in x + noise * up }
        }
        stepIndex += 1
        return result
    }

    func state() throws -> [String: Tensor] {
        try SchedulerState.make(self, steps: timesteps.count, [:])
    }

    func restore(_ state: [String: Tensor]) throws {
        let (steps, index) = try SchedulerState.read(self, state)
        try setTimesteps(steps)
        guard index <= timesteps.count else {
            throw SchedulerState.fault(self, "step \(index) of \(timesteps.count)")
        }
        stepIndex = index
    }
}
