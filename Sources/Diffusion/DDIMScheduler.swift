import Tensors

/// Denoising diffusion implicit models: formulas 12 and 16 of arXiv 2010.02502.
final class DDIMScheduler: Scheduler {
    let configuration: SchedulerConfiguration
    private(set) var timesteps: [Float] = []
    private(set) var stepIndex = 0
    var sigmas: [Float] { [] }
    var initialNoiseSigma: Float { 1 }
    var needsNoise: Bool { eta > 0 }
    private let eta: Double
    private let schedule: NoiseSchedule
    private var steps = 0

    init(_ configuration: SchedulerConfiguration, eta: Double) {
        self.configuration = configuration
        self.eta = eta
        schedule = NoiseSchedule(configuration)
    }

    func setTimesteps(_ steps: Int) throws {
        try checkSteps(steps)
        let grid = try configuration.wholeTimesteps(steps)
        self.steps = steps
        timesteps = grid.map { Float($0) }
        stepIndex = 0
    }

    func modelInput(_ sample: Tensor) throws -> Tensor { sample }

    func step(_ modelOutput: Tensor, sample: Tensor, noise: Tensor?) throws -> Tensor {
        try checkStep(modelOutput, sample, noise)
        let timestep = Int(timesteps[stepIndex])
        let previous = timestep - configuration.trainTimesteps / steps
        let alpha = schedule.alphasCumprod[timestep]
        let alphaPrevious = previous >= 0 ? schedule.alphasCumprod[previous] : schedule.finalAlpha
        let beta = 1 - alpha
        let variance = ((1 - alphaPrevious) / beta) * (1 - alpha / alphaPrevious)
        let deviation = Float(eta) * variance.squareRoot()
        let direction = (1 - alphaPrevious - deviation * deviation).squareRoot()
        let (rootAlpha, rootBeta, rootPrevious) = (alpha.squareRoot(), beta.squareRoot(), alphaPrevious.squareRoot())
        let range = configuration.clipSampleRange.map { Float($0) } ?? .infinity
        @inline(__always) func next(_ image: Float, _ epsilon: Float) -> Float {
            // NaN passes through, as it does in torch's clamp.
            let clipped = image < -range ? -range : image > range ? range : image
            return rootPrevious * clipped + direction * epsilon
        }
        var result: Tensor
        switch configuration.predictionType {
        case .epsilon:
            result = try Elementwise.map(modelOutput, sample) { output, x in
                next((x - rootBeta * output) / rootAlpha, output)
            }
        case .sample:
            result = try Elementwise.map(modelOutput, sample) { output, x in
                next(output, (x - rootAlpha * output) / rootBeta)
            }
        case .velocity, .flow:
            result = try Elementwise.map(modelOutput, sample) { output, x in
                next(rootAlpha * x - rootBeta * output, rootAlpha * output + rootBeta * x)
            }
        }
        if eta > 0, let noise {
            result = try Elementwise.map(result, noise) { x, noise in x + deviation * noise }
        }
        stepIndex += 1
        return result
    }

    func state() throws -> [String: Tensor] {
        try SchedulerState.make(configuration.kind, steps: steps, index: stepIndex, [:])
    }

    func restore(_ state: [String: Tensor]) throws {
        let (steps, index) = try SchedulerState.read(configuration.kind, state)
        try setTimesteps(steps)
        guard index <= timesteps.count else {
            throw SchedulerState.fault(configuration.kind, "step \(index) of \(timesteps.count)")
        }
        stepIndex = index
    }
}

extension SchedulerConfiguration {
    /// The descending whole timesteps of DDIM and PNDM.
    /// - Throws: `TensorError.value` where one lies beyond the training's.
    func wholeTimesteps(_ steps: Int) throws -> [Double] {
        var grid: [Double]
        switch timestepSpacing {
        case .linspace:
            grid = TimestepGrid.linspace(0, Double(trainTimesteps - 1), steps).reversed()
                .map { $0.rounded(.toNearestOrEven) }
        case .leading:
            grid = TimestepGrid.leading(steps, ratio: trainTimesteps / steps).map { $0 + Double(stepsOffset) }
        case .trailing: grid = TimestepGrid.trailing(steps, last: trainTimesteps, of: trainTimesteps)
        }
        if let first = grid.first, first >= Double(trainTimesteps) {
            throw TensorError.value(
                operation: kind.rawValue,
                message:
                    "\(steps) steps with a steps_offset of \(stepsOffset) begin at timestep \(Int(first)), but the "
                    + "last of the training is \(trainTimesteps - 1); take fewer steps")
        }
        return grid
    }
}
