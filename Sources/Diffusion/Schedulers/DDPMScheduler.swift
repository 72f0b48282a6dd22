import Files
import Foundation
import Tensors

/// Ancestral sampling of denoising diffusion probabilistic models: formulas 6, 7 and 15 of Ho et al., arXiv 2006.11239.
final class DDPMScheduler: Scheduler {
    static let entry = SchedulerEntry("DDPMScheduler", "ddpm") { reader, _ in try DDPMScheduler(reader) }

    /// Which variance the fresh noise has; the logarithm in the first is diffusers' detour to its square root.
    private enum Variance: String, CaseIterable {
        case small = "fixed_small"
        case smallLogarithm = "fixed_small_log"
        case large = "fixed_large"
    }

    let name = DDPMScheduler.entry.className
    let trainTimesteps: Int
    private(set) var timesteps: [Float] = []
    private(set) var stepIndex = 0
    var sigmas: [Float] { [] }
    var initialNoiseSigma: Float { 1 }
    /// The last timestep of the training, 0, is left without noise.
    var needsNoise: Bool { stepIndex < timesteps.count && timesteps[stepIndex] > 0 }
    private let options: NoiseOptions
    private let clipRange: Float?
    private let variance: Variance
    private let schedule: NoiseSchedule

    init(_ reader: ConfigurationReader) throws {
        options = try NoiseOptions(reader, owner: name, predictions: [.epsilon, .sample, .velocity])
        trainTimesteps = options.trainTimesteps
        clipRange = try NoiseOptions.clipRange(reader)
        variance = try reader.choice("variance_type", default: .small)
        try reader.refuse("thresholding")
        try options.refuseEpsilonWithoutSignal(reader)
        schedule = NoiseSchedule(options)
    }

    func setTimesteps(_ steps: Int) throws {
        try checkSteps(steps)
        timesteps = try options.wholeTimesteps(steps).map { Float($0) }
        stepIndex = 0
    }

    func modelInput(_ sample: Tensor) throws -> Tensor { sample }

    func step(_ modelOutput: Tensor, sample: Tensor, noise: Tensor?) throws -> Tensor {
        try checkStep(modelOutput, sample, noise)
        let alphaBar = schedule.alphasCumprod[Int(timesteps[stepIndex])]
        let isLast = stepIndex == timesteps.count - 1
        let alphaBarPrevious = isLast ? 1 : schedule.alphasCumprod[Int(timesteps[stepIndex + 1])]
        let (betaBar, betaBarPrevious) = (1 - alphaBar, 1 - alphaBarPrevious)
        let alpha = alphaBar / alphaBarPrevious
        let beta = 1 - alpha
        // Formula 7: the mean of what came before x_t, given x_0.
        let imageFactor = alphaBarPrevious.squareRoot() * beta / betaBar
        let sampleFactor = alpha.squareRoot() * betaBarPrevious / betaBar
        let (rootAlpha, rootBeta) = (alphaBar.squareRoot(), betaBar.squareRoot())
        let range = clipRange ?? .infinity
        @inline(__always) func mean(_ image: Float, _ x: Float) -> Float {
            // NaN passes through, as it does in torch's clamp.
            let clipped = image < -range ? -range : image > range ? range : image
            return imageFactor * clipped + sampleFactor * x
        }
        var result: Tensor
        switch options.predictionType {
        case .epsilon:
            // Formula 15: x_0 of the noise.
            result = try Elementwise.map(modelOutput, sample) { output, x in
                mean((x - rootBeta * output) / rootAlpha, x)
            }
        case .sample: result = try Elementwise.map(modelOutput, sample) { output, x in mean(output, x) }
        case .velocity, .flow:
            result = try Elementwise.map(modelOutput, sample) { output, x in
                mean(rootAlpha * x - rootBeta * output, x)
            }
        }
        if needsNoise, let noise {
            let deviation = deviation(small: max(betaBarPrevious / betaBar * beta, 1e-20), large: beta)
            result = try Elementwise.map(result, noise) { x, noise in x + deviation * noise }
        }
        stepIndex += 1
        return result
    }

    private func deviation(small: Float, large: Float) -> Float {
        switch variance {
        case .small: return small.squareRoot()
        case .smallLogarithm: return exp(0.5 * log(small))
        case .large: return large.squareRoot()
        }
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
