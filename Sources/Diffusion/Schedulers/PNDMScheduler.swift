import Files
import Tensors

/// Pseudo numerical methods for diffusion models: formulas 9, 12 and 13 of arXiv 2202.09778. The first predictions come
/// from Runge-Kutta steps, or, as in Stable Diffusion, from repeating the first step with the mean of two predictions.
final class PNDMScheduler: Scheduler {
    static let entry = SchedulerEntry("PNDMScheduler", "pndm") { reader, _ in try PNDMScheduler(reader) }

    let name = PNDMScheduler.entry.className
    let trainTimesteps: Int
    private(set) var timesteps: [Float] = []
    private(set) var stepIndex = 0
    var sigmas: [Float] { [] }
    var initialNoiseSigma: Float { 1 }
    var needsNoise: Bool { false }
    private let options: NoiseOptions
    /// Whether the Runge-Kutta steps are left out.
    private let skipsRungeKutta: Bool
    private let schedule: NoiseSchedule
    private var steps = 0
    /// How many of the timesteps belong to Runge-Kutta steps, four to a step.
    private var prkCount = 0
    /// The last predictions, newest last; at most four.
    private var predictions: [Tensor] = []
    /// The sample that a step began with, while several model calls work on it.
    private var heldSample: Tensor?
    /// The weighted sum of predictions inside a Runge-Kutta step.
    private var sum: Tensor?

    init(_ reader: ConfigurationReader) throws {
        options = try NoiseOptions(reader, owner: name, predictions: [.epsilon, .velocity], rescales: false)
        trainTimesteps = options.trainTimesteps
        skipsRungeKutta = try reader.boolean("skip_prk_steps", default: false)
        schedule = NoiseSchedule(options, endsAtOne: try reader.boolean("set_alpha_to_one", default: false))
    }

    func setTimesteps(_ steps: Int) throws {
        try checkSteps(steps, least: skipsRungeKutta ? 1 : 4)
        let ascending: [Double] = try options.wholeTimesteps(steps).reversed()
        var grid: [Double]
        if skipsRungeKutta {
            grid = Array((ascending.dropLast() + ascending.dropLast().suffix(1) + ascending.suffix(1)).reversed())
            prkCount = 0
        } else {
            let half = Double(trainTimesteps / steps / 2)
            let pairs = ascending.suffix(4).flatMap { [$0, $0 + half] }.dropLast()
            let runge = Array(pairs.flatMap { [$0, $0] }.dropFirst().dropLast().reversed())
            prkCount = runge.count
            grid = runge + ascending.dropLast(3).reversed()
        }
        if let beyond = grid.first(where: { $0 >= Double(trainTimesteps) }) {
            throw TensorError.value(
                operation: name,
                message: "\(steps) steps lead to timestep \(Int(beyond)), beyond the training's")
        }
        self.steps = steps
        timesteps = grid.map { Float($0) }
        stepIndex = 0
        predictions = []
        heldSample = nil
        sum = nil
    }

    func modelInput(_ sample: Tensor) throws -> Tensor { sample }

    func step(_ modelOutput: Tensor, sample: Tensor, noise: Tensor?) throws -> Tensor {
        try checkStep(modelOutput, sample, noise)
        let result =
            stepIndex < prkCount ? try stepPrk(modelOutput, sample) : try stepPlms(modelOutput, sample)
        stepIndex += 1
        return result
    }

    /// A quarter of a Runge-Kutta step.
    private func stepPrk(_ output: Tensor, _ sample: Tensor) throws -> Tensor {
        let half = stepIndex % 2 == 1 ? 0 : trainTimesteps / steps / 2
        let previous = Int(timesteps[stepIndex]) - half
        let timestep = Int(timesteps[stepIndex / 4 * 4])
        var prediction = output
        switch stepIndex % 4 {
        case 0:
            sum = try Elementwise.map(output) { Float(1.0 / 6) * $0 }
            predictions.append(try output.clone())
            heldSample = try sample.clone()
        case 3:
            let sum = try held(sum)
            prediction = try Elementwise.map(sum, output) { sum, output in sum + Float(1.0 / 6) * output }
            self.sum = nil
        default:
            sum = try Elementwise.map(held(sum), output) { sum, output in sum + Float(1.0 / 3) * output }
        }
        return try transfer(held(heldSample), prediction, from: timestep, to: previous)
    }

    /// A linear multistep.
    private func stepPlms(_ output: Tensor, _ sample: Tensor) throws -> Tensor {
        var timestep = Int(timesteps[stepIndex])
        var previous = timestep - trainTimesteps / steps
        if stepIndex == 1 {
            previous = timestep
            timestep += trainTimesteps / steps
            let first = try held(predictions.last)
            let mean = try Elementwise.map(output, first) { ($0 + $1) / 2 }
            let start = try held(heldSample)
            heldSample = nil
            return try transfer(start, mean, from: timestep, to: previous)
        }
        predictions = predictions.suffix(3) + [try output.clone()]
        let newest = predictions.count - 1
        let prediction: Tensor
        switch predictions.count {
        case 1:
            prediction = output
            if stepIndex == 0 { heldSample = try sample.clone() }
        case 2:
            prediction = try Elementwise.map(predictions[1], predictions[0]) { (3 * $0 - $1) / 2 }
        case 3:
            prediction = try Elementwise.map(predictions[2], predictions[1], predictions[0]) {
                (23 * $0 - 16 * $1 + 5 * $2) / 12
            }
        default:
            let partial = try Elementwise.map(
                predictions[newest], predictions[newest - 1], predictions[newest - 2]
            ) { 55 * $0 - 59 * $1 + 37 * $2 }
            prediction = try Elementwise.map(partial, predictions[newest - 3]) { Float(1.0 / 24) * ($0 - 9 * $1) }
        }
        return try transfer(sample, prediction, from: timestep, to: previous)
    }

    /// Formula 9: the sample at another timestep, for a prediction.
    private func transfer(_ sample: Tensor, _ output: Tensor, from timestep: Int, to previous: Int) throws -> Tensor {
        guard schedule.alphasCumprod.indices.contains(timestep), previous < schedule.alphasCumprod.count else {
            throw TensorError.value(
                operation: name, message: "timestep \(timestep) is beyond the training's")
        }
        let alpha = schedule.alphasCumprod[timestep]
        let alphaPrevious = previous >= 0 ? schedule.alphasCumprod[previous] : schedule.finalAlpha
        let (beta, betaPrevious) = (1 - alpha, 1 - alphaPrevious)
        let sampleFactor = (alphaPrevious / alpha).squareRoot()
        let difference = alphaPrevious - alpha
        let denominator = alpha * betaPrevious.squareRoot() + (alpha * beta * alphaPrevious).squareRoot()
        if options.predictionType == .velocity {
            let (rootAlpha, rootBeta) = (alpha.squareRoot(), beta.squareRoot())
            return try Elementwise.map(sample, output) { x, velocity in
                let epsilon = rootAlpha * velocity + rootBeta * x
                return sampleFactor * x - difference * epsilon / denominator
            }
        }
        return try Elementwise.map(sample, output) { x, epsilon in
            sampleFactor * x - difference * epsilon / denominator
        }
    }

    private func held(_ tensor: Tensor?) throws -> Tensor {
        guard let tensor else { throw SchedulerState.fault(self, "a tensor is missing") }
        return tensor
    }

    /// How many predictions are kept after so many calls: one a Runge-Kutta step, else one a call but the second.
    private func predictionCount(after calls: Int) -> Int {
        if prkCount > 0 { return min(4, (min(calls, prkCount) + 3) / 4 + max(0, calls - prkCount)) }
        return min(4, calls > 1 ? calls - 1 : calls)
    }

    func state() throws -> [String: Tensor] {
        var history = SchedulerState.named("prediction", predictions)
        history["sample"] = heldSample
        history["sum"] = sum
        return try SchedulerState.make(self, steps: steps, history)
    }

    func restore(_ state: [String: Tensor]) throws {
        let (steps, index) = try SchedulerState.read(self, state)
        let predictions = try SchedulerState.list(self, state, "prediction")
        try setTimesteps(steps)
        guard index <= timesteps.count, predictions.count == predictionCount(after: index) else {
            throw SchedulerState.fault(
                self, "step \(index) of \(timesteps.count) with \(predictions.count) predictions")
        }
        self.predictions = predictions
        heldSample = try state["sample"]?.clone()
        sum = try state["sum"]?.clone()
        stepIndex = index
    }
}
