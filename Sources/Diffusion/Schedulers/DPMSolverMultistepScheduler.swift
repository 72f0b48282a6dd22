import Files
import Foundation
import Tensors

/// DPM-Solver++ of order 1 to 3 in its multistep form (Lu et al., arXiv 2211.01095), also with noise
/// (`sde-dpmsolver++`).
///
/// Symbols are the paper's: a sample is x_t = α_t x_0 + σ_t ε, half the logarithm of its signal-to-noise ratio
/// λ_t = log(α_t / σ_t), and x_θ the image that the model predicts. A step goes from s to t, with h = λ_t - λ_s. It is
/// the exact solution of proposition 4.1,
///
///     x_t = σ_t / σ_s x_s + σ_t ∫ from λ_s to λ_t of e^λ x_θ dλ,
///
/// for a polynomial in λ through the last predictions: D0 is the newest prediction, D1 and D2 are the differences
/// that stand for its first and second derivative, times h and h² / 2.
final class DPMSolverMultistepScheduler: Scheduler {
    static let entry = SchedulerEntry("DPMSolverMultistepScheduler", "dpm_solver_multistep") { reader, _ in
        try DPMSolverMultistepScheduler(reader)
    }

    let name = DPMSolverMultistepScheduler.entry.className
    let trainTimesteps: Int
    private(set) var timesteps: [Float] = []
    private(set) var stepIndex = 0
    var initialNoiseSigma: Float { 1 }
    var needsNoise: Bool { solver.isStochastic }
    private(set) var sigmas: [Float] = []
    private let options: NoiseOptions
    private let spread: SigmaOptions
    private let solver: DPMSolverOptions
    private let trainSigmas: [Float]
    private let lambdas: [Float]
    private var steps = 0
    /// The images predicted by the last calls, newest last, at most `order` of them.
    private var images: [Tensor] = []

    init(_ reader: ConfigurationReader) throws {
        options = try NoiseOptions(reader, owner: name, spacing: .linspace)
        trainTimesteps = options.trainTimesteps
        solver = try DPMSolverOptions(reader)
        let shift = try SigmaOptions.sigma(reader, "flow_shift") ?? 1
        spread = try SigmaOptions(
            reader,
            [
                ("use_karras_sigmas", .karras), ("use_lu_lambdas", .lu), ("use_exponential_sigmas", .exponential),
                ("use_flow_sigmas", .flow(shift: shift)),
            ])
        var schedule = NoiseSchedule(options)
        trainSigmas = schedule.sigmas()
        lambdas = schedule.alphasCumprod.map { log($0.squareRoot()) - log((1 - $0).squareRoot()) }
    }

    func setTimesteps(_ steps: Int) throws {
        try checkSteps(steps)
        let times = spacedTimesteps(steps)
        guard !times.isEmpty else {
            throw TensorError.value(
                operation: name, message: "lambda_min_clipped leaves no timestep")
        }
        var values: [Double]
        switch spread.spacing {
        case .training, .logLinear:
            values = times.map { TimestepGrid.interpolate(Float($0), trainSigmas) }
            timesteps = times.map { Float($0) }
        case .flow(let shift):
            let total = Double(trainTimesteps)
            values = TimestepGrid.linspace(1, 1 / total, steps + 1).map { 1 - $0 }.map {
                shift * $0 / (1 + (shift - 1) * $0)
            }
            values = values.reversed().dropLast()
            timesteps = values.map { Float(($0 * total).rounded(.towardZero)) }
        default:
            values = spacedSigmas(steps)
            let logarithms = trainSigmas.map { log($0) }
            let rounds = spread.spacing != .exponential && options.betaSchedule != .squaredCosine
            timesteps = values.map {
                let time = TimestepGrid.timestep(of: $0, logarithms)
                return Float(time.rounded(rounds ? .toNearestOrEven : .towardZero))
            }
        }
        sigmas = values.map { Float($0) } + [spread.final == .zero ? 0 : trainSigmas[0]]
        self.steps = steps
        stepIndex = 0
        images = []
    }

    /// The whole timesteps, descending; with clipping there may be fewer than steps.
    private func spacedTimesteps(_ steps: Int) -> [Double] {
        // Lambdas fall with the timestep, so that those above the bound come first.
        let last = lambdas.lastIndex { $0 >= Float(solver.lambdaMinClipped) }.map { $0 + 1 } ?? 0
        if last == 0 { return [] }
        switch options.timestepSpacing {
        case .linspace:
            return TimestepGrid.linspace(0, Double(last - 1), steps + 1).reversed().dropLast()
                .map { $0.rounded(.toNearestOrEven) }
        case .leading:
            return TimestepGrid.leading(steps + 1, ratio: last / (steps + 1)).dropLast()
                .map { $0 + Double(options.stepsOffset) }
        case .trailing:
            return TimestepGrid.trailing(steps, last: last, of: trainTimesteps)
        }
    }

    /// The sigmas of the spacings that begin with them.
    private func spacedSigmas(_ steps: Int) -> [Double] {
        let smallest = spread.smallest ?? Double(trainSigmas[0])
        let largest = spread.largest ?? Double(trainSigmas[trainSigmas.count - 1])
        switch spread.spacing {
        case .karras: return TimestepGrid.karras(steps, from: largest, to: smallest)
        case .exponential: return TimestepGrid.exponential(steps, from: largest, to: smallest)
        default:
            let low = Double(log(trainSigmas[0]))
            let high = Double(log(trainSigmas[trainSigmas.count - 1]))
            return TimestepGrid.linspace(0, 1, steps).map { exp(high + $0 * (low - high)) }
        }
    }

    func modelInput(_ sample: Tensor) throws -> Tensor { sample }

    func step(_ modelOutput: Tensor, sample: Tensor, noise: Tensor?) throws -> Tensor {
        try checkStep(modelOutput, sample, noise)
        let left = timesteps.count - stepIndex
        let isShort = timesteps.count < 15 && solver.lowersOrderAtEnd
        let endsLow = left == 1 && (solver.endsWithEuler || isShort || spread.final == .zero)
        images = images.suffix(solver.order - 1) + [try image(modelOutput, sample)]
        var order = min(solver.order, images.count)
        if endsLow { order = 1 }
        if left == 2, isShort { order = min(order, 2) }
        let result = try advance(sample, noise, order)
        stepIndex += 1
        return result
    }

    /// α and σ of a step's sigma, which is σ / α where the model was trained with betas, and σ of rectified flows.
    private func parts(_ sigma: Float) -> (alpha: Float, sigma: Float) {
        if case .flow = spread.spacing { return (1 - sigma, sigma) }
        let alpha = 1 / (sigma * sigma + 1).squareRoot()
        return (alpha, sigma * alpha)
    }

    /// The image that the model's output stands for.
    private func image(_ output: Tensor, _ sample: Tensor) throws -> Tensor {
        let sigma = sigmas[stepIndex]
        let (alpha, noise) = parts(sigma)
        switch options.predictionType {
        case .epsilon: return try Elementwise.map(output, sample) { output, x in (x - noise * output) / alpha }
        case .sample: return try output.clone()
        case .velocity: return try Elementwise.map(output, sample) { output, x in alpha * x - noise * output }
        case .flow: return try Elementwise.map(output, sample) { output, x in x - sigma * output }
        }
    }

    /// A step of the given order from the images at hand. The order of the roundings is diffusers'.
    private func advance(_ sample: Tensor, _ noise: Tensor?, _ order: Int) throws -> Tensor {
        func lambda(_ sigma: Float) -> Float {
            let (alpha, sigma) = parts(sigma)
            return log(alpha) - log(sigma)
        }
        let (alpha, sigma) = parts(sigmas[stepIndex + 1])
        let sigmaFrom = parts(sigmas[stepIndex]).sigma
        let lambdaFrom = lambda(sigmas[stepIndex])
        let h = lambda(sigmas[stepIndex + 1]) - lambdaFrom
        let isStochastic = solver.isStochastic
        // The weights of x_s, D0 and D1. With noise (SDE-DPM-Solver++) e^-h is e^-2h, as half of the way is walked by noise.
        let sampleWeight = isStochastic ? sigma / sigmaFrom * exp(-h) : sigma / sigmaFrom
        let weight0 = isStochastic ? alpha * (1 - exp(-2 * h)) : -(alpha * (exp(-h) - 1))
        let weight1 = isStochastic ? alpha * ((1 - exp(-2 * h)) / (-2 * h) + 1) : alpha * ((exp(-h) - 1) / h + 1)
        let newest = images[images.count - 1]
        var result: Tensor
        switch order {
        case 1:
            // x_t = σ_t / σ_s x_s - α_t (e^-h - 1) x_θ: DDIM.
            result = try Elementwise.map(sample, newest) { x, image in sampleWeight * x + weight0 * image }
        case 2:
            // Algorithm 2 (2M): r = h before over h, D1 = (x_θ - x_θ before) / r; the midpoint rule takes half of D0's weight.
            let r = (lambdaFrom - lambda(sigmas[stepIndex - 1])) / h
            let inverse = 1 / r
            let weight = solver.usesHeun ? weight1 : 0.5 * weight0
            result = try Elementwise.map(sample, newest, images[images.count - 2]) { x, image, before in
                sampleWeight * x + weight0 * image + weight * (inverse * (image - before))
            }
        default:
            // 3M: D1 and D2 from the divided differences D1_0 and D1_1 of the last three predictions.
            let lambdaBefore = lambda(sigmas[stepIndex - 1])
            let r0 = (lambdaFrom - lambdaBefore) / h
            let r1 = (lambdaBefore - lambda(sigmas[stepIndex - 2])) / h
            let (inverse0, inverse1) = (1 / r0, 1 / r1)
            let (share, slope) = (r0 / (r0 + r1), 1 / (r0 + r1))
            let double = 2 * h
            let weight2 =
                isStochastic
                ? alpha * ((1 - exp(-2 * h) - double) / (double * double) - 0.5)
                : -(alpha * ((exp(-h) - 1 + h) / (h * h) - 0.5))
            let difference0 = try Elementwise.map(newest, images[1]) { inverse0 * ($0 - $1) }
            let difference1 = try Elementwise.map(images[1], images[0]) { inverse1 * ($0 - $1) }
            let partial = try Elementwise.map(sample, newest) { x, image in sampleWeight * x + weight0 * image }
            result = try Elementwise.map(partial, difference0, difference1) { x, d0, d1 in
                x + weight1 * (d0 + share * (d0 - d1)) + weight2 * (slope * (d0 - d1))
            }
        }
        if isStochastic, let noise {
            // The noise of the way: σ_t √(1 - e^-2h).
            let scale = sigma * (1 - exp(-2 * h)).squareRoot()
            result = try Elementwise.map(result, noise) { x, noise in x + scale * noise }
        }
        return result
    }

    func state() throws -> [String: Tensor] {
        try SchedulerState.make(self, steps: steps, SchedulerState.named("image", images))
    }

    func restore(_ state: [String: Tensor]) throws {
        let (steps, index) = try SchedulerState.read(self, state)
        let images = try SchedulerState.list(self, state, "image")
        try setTimesteps(steps)
        guard index <= timesteps.count, images.count == min(index, solver.order) else {
            throw SchedulerState.fault(
                self, "step \(index) of \(timesteps.count) with \(images.count) images")
        }
        self.images = images
        stepIndex = index
    }
}
