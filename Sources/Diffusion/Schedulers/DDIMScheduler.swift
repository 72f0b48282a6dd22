import Files
import Tensors

/// Denoising diffusion implicit models: formulas 12 and 16 of arXiv 2010.02502.
final class DDIMScheduler: Scheduler {
    static let entry = SchedulerEntry("DDIMScheduler", "ddim", takesEta: true) { reader, eta in
        try DDIMScheduler(reader, eta: eta)
    }

    let name = DDIMScheduler.entry.className
    let trainTimesteps: Int
    private(set) var timesteps: [Float] = []
    private(set) var stepIndex = 0
    var sigmas: [Float] { [] }
    var initialNoiseSigma: Float { 1 }
    var needsNoise: Bool { eta > 0 }
    private let eta: Double
    private let options: NoiseOptions
    private let clipRange: Float?
    private let schedule: NoiseSchedule
    private var steps = 0

    init(_ reader: ConfigurationReader, eta: Double) throws {
        self.eta = eta
        options = try NoiseOptions(reader, owner: name, predictions: [.epsilon, .sample, .velocity])
        trainTimesteps = options.trainTimesteps
        clipRange = try NoiseOptions.clipRange(reader)
        schedule = NoiseSchedule(options, endsAtOne: try reader.boolean("set_alpha_to_one", default: true))
        try reader.refuse("thresholding")
        try options.refuseEpsilonWithoutSignal(reader)
    }

    func setTimesteps(_ steps: Int) throws {
        try checkSteps(steps)
        let grid = try options.wholeTimesteps(steps)
        self.steps = steps
        timesteps = grid.map { Float($0) }
        stepIndex = 0
    }

    func modelInput(_ sample: Tensor) throws -> Tensor { sample }

    func step(_ modelOutput: Tensor, sample: Tensor, noise: Tensor?) throws -> Tensor {
        try checkStep(modelOutput, sample, noise)
        let timestep = Int(timesteps[stepIndex])
        let previous = timestep - trainTimesteps / steps
        let alpha = schedule.alphasCumprod[timestep]
        let alphaPrevious = previous >= 0 ? schedule.alphasCumprod[previous] : schedule.finalAlpha
        let beta = 1 - alpha
        let variance = ((1 - alphaPrevious) / beta) * (1 - alpha / alphaPrevious)
        let deviation = Float(eta) * variance.squareRoot()
        let direction = (1 - alphaPrevious - deviation * deviation).squareRoot()
        let (rootAlpha, rootBeta, rootPrevious) = (alpha.squareRoot(), beta.squareRoot(), alphaPrevious.squareRoot())
        let range = clipRange ?? .infinity
        @inline(__always) func next(_ image: Float, _ epsilon: Float) -> Float {
            // NaN passes through, as it does in torch's clamp.
            let clipped = image < -range ? -range : image > range ? range : image
            return rootPrevious * clipped + direction * epsilon
        }
        var result: Tensor
        switch options.predictionType {
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
        try SchedulerState.make(self, steps: steps, [:])
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
