import Foundation
import Tensors

/// DPM-Solver++ of order 1 to 3 in its multistep form (arXiv 2211.01095), also with noise (`sde-dpmsolver++`).
final class DPMSolverMultistepScheduler: Scheduler {
    let configuration: SchedulerConfiguration
    private(set) var timesteps: [Float] = []
    private(set) var stepIndex = 0
    var initialNoiseSigma: Float { 1 }
    var needsNoise: Bool { configuration.solver.isStochastic }
    private(set) var sigmas: [Float] = []
    private let trainSigmas: [Float]
    private let lambdas: [Float]
    private var steps = 0
    /// The images predicted by the last calls, newest last, at most `order` of them.
    private var images: [Tensor] = []

    init(_ configuration: SchedulerConfiguration) {
        self.configuration = configuration
        var schedule = NoiseSchedule(configuration)
        trainSigmas = schedule.sigmas(configuration)
        lambdas = schedule.alphasCumprod.map { log($0.squareRoot()) - log((1 - $0).squareRoot()) }
    }

    func setTimesteps(_ steps: Int) throws {
        try checkSteps(steps)
        let times = spacedTimesteps(steps)
        guard !times.isEmpty else {
            throw TensorError.value(
                operation: configuration.kind.rawValue, message: "lambda_min_clipped leaves no timestep")
        }
        var values: [Double]
        switch configuration.sigmaSpacing {
        case .training, .logLinear:
            values = times.map { TimestepGrid.interpolate(Float($0), trainSigmas) }
            timesteps = times.map { Float($0) }
        case .flow(let shift):
            let total = Double(configuration.trainTimesteps)
            values = TimestepGrid.linspace(1, 1 / total, steps + 1).map { 1 - $0 }.map {
                shift * $0 / (1 + (shift - 1) * $0)
            }
            values = values.reversed().dropLast()
            timesteps = values.map { Float(($0 * total).rounded(.towardZero)) }
        default:
            values = spacedSigmas(steps)
            let logarithms = trainSigmas.map { log($0) }
            let rounds = configuration.sigmaSpacing != .exponential && configuration.betaSchedule != .squaredCosine
            timesteps = values.map {
                let time = TimestepGrid.timestep(of: $0, logarithms)
                return Float(time.rounded(rounds ? .toNearestOrEven : .towardZero))
            }
        }
        sigmas = values.map { Float($0) } + [configuration.finalSigma == .zero ? 0 : trainSigmas[0]]
        self.steps = steps
        stepIndex = 0
        images = []
    }

    /// The whole timesteps, descending; with clipping there may be fewer than steps.
    private func spacedTimesteps(_ steps: Int) -> [Double] {
        // Lambdas fall with the timestep, so that those above the bound come first.
        let last = lambdas.lastIndex { $0 >= Float(configuration.solver.lambdaMinClipped) }.map { $0 + 1 } ?? 0
        if last == 0 { return [] }
        switch configuration.timestepSpacing {
        case .linspace:
            return TimestepGrid.linspace(0, Double(last - 1), steps + 1).reversed().dropLast()
                .map { $0.rounded(.toNearestOrEven) }
        case .leading:
            return TimestepGrid.leading(steps + 1, ratio: last / (steps + 1)).dropLast()
                .map { $0 + Double(configuration.stepsOffset) }
        case .trailing:
            return TimestepGrid.trailing(steps, last: last, of: configuration.trainTimesteps)
        }
    }

    /// The sigmas of the spacings that begin with them.
    private func spacedSigmas(_ steps: Int) -> [Double] {
        let smallest = configuration.sigmaMin ?? Double(trainSigmas[0])
        let largest = configuration.sigmaMax ?? Double(trainSigmas[trainSigmas.count - 1])
        switch configuration.sigmaSpacing {
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
        let options = configuration.solver
        let left = timesteps.count - stepIndex
        let isShort = timesteps.count < 15 && options.lowersOrderAtEnd
        let endsLow = left == 1 && (options.endsWithEuler || isShort || configuration.finalSigma == .zero)
        images = images.suffix(options.order - 1) + [try image(modelOutput, sample)]
        var order = min(options.order, images.count)
        if endsLow { order = 1 }
        if left == 2, isShort { order = min(order, 2) }
        let result = try advance(sample, noise, order)
        stepIndex += 1
        return result
    }

    /// Signal and noise of a sigma.
    private func parts(_ sigma: Float) -> (alpha: Float, sigma: Float) {
        if case .flow = configuration.sigmaSpacing { return (1 - sigma, sigma) }
        let alpha = 1 / (sigma * sigma + 1).squareRoot()
        return (alpha, sigma * alpha)
    }

    /// The image that the model's output stands for.
    private func image(_ output: Tensor, _ sample: Tensor) throws -> Tensor {
        let sigma = sigmas[stepIndex]
        let (alpha, noise) = parts(sigma)
        switch configuration.predictionType {
        case .epsilon: return try Elementwise.map(output, sample) { output, x in (x - noise * output) / alpha }
        case .sample: return try output.clone()
        case .velocity: return try Elementwise.map(output, sample) { output, x in alpha * x - noise * output }
        case .flow: return try Elementwise.map(output, sample) { output, x in x - sigma * output }
        }
    }

    /// A step of the given order from the images at hand.
    private func advance(_ sample: Tensor, _ noise: Tensor?, _ order: Int) throws -> Tensor {
        func lambda(_ sigma: Float) -> Float {
            let (alpha, sigma) = parts(sigma)
            return log(alpha) - log(sigma)
        }
        let (alpha, sigma) = parts(sigmas[stepIndex + 1])
        let sigmaFrom = parts(sigmas[stepIndex]).sigma
        let lambdaFrom = lambda(sigmas[stepIndex])
        let h = lambda(sigmas[stepIndex + 1]) - lambdaFrom
        let isStochastic = configuration.solver.isStochastic
        let usesHeun = configuration.solver.usesHeun
        let keep = isStochastic ? sigma / sigmaFrom * exp(-h) : sigma / sigmaFrom
        // How far each difference of images is carried; the order of the roundings is diffusers'.
        let first = isStochastic ? alpha * (1 - exp(-2 * h)) : -(alpha * (exp(-h) - 1))
        let second = isStochastic ? alpha * ((1 - exp(-2 * h)) / (-2 * h) + 1) : alpha * ((exp(-h) - 1) / h + 1)
        let newest = images[images.count - 1]
        var result: Tensor
        switch order {
        case 1:
            result = try Elementwise.map(sample, newest) { x, image in keep * x + first * image }
        case 2:
            let ratio = (lambdaFrom - lambda(sigmas[stepIndex - 1])) / h
            let slope = 1 / ratio
            let weight = usesHeun ? second : 0.5 * first
            result = try Elementwise.map(sample, newest, images[images.count - 2]) { x, image, before in
                keep * x + first * image + weight * (slope * (image - before))
            }
        default:
            let lambdaBefore = lambda(sigmas[stepIndex - 1])
            let ratio0 = (lambdaFrom - lambdaBefore) / h
            let ratio1 = (lambdaBefore - lambda(sigmas[stepIndex - 2])) / h
            let (slope0, slope1) = (1 / ratio0, 1 / ratio1)
            let (lean, bend) = (ratio0 / (ratio0 + ratio1), 1 / (ratio0 + ratio1))
            let double = 2 * h
            let third =
                isStochastic
                ? alpha * ((1 - exp(-2 * h) - double) / (double * double) - 0.5)
                : -(alpha * ((exp(-h) - 1 + h) / (h * h) - 0.5))
            let difference0 = try Elementwise.map(newest, images[1]) { slope0 * ($0 - $1) }
            let difference1 = try Elementwise.map(images[1], images[0]) { slope1 * ($0 - $1) }
            let partial = try Elementwise.map(sample, newest) { x, image in keep * x + first * image }
            result = try Elementwise.map(partial, difference0, difference1) { x, d0, d1 in
                x + second * (d0 + lean * (d0 - d1)) + third * (bend * (d0 - d1))
            }
        }
        if isStochastic, let noise {
            let scale = sigma * (1 - exp(-2 * h)).squareRoot()
            result = try Elementwise.map(result, noise) { x, noise in x + scale * noise }
        }
        return result
    }

    func state() throws -> [String: Tensor] {
        try SchedulerState.make(
            configuration.kind, steps: steps, index: stepIndex, SchedulerState.named("image", images))
    }

    func restore(_ state: [String: Tensor]) throws {
        let (steps, index) = try SchedulerState.read(configuration.kind, state)
        let images = try SchedulerState.list(configuration.kind, state, "image")
        try setTimesteps(steps)
        guard index <= timesteps.count, images.count == min(index, configuration.solver.order) else {
            throw SchedulerState.fault(
                configuration.kind, "step \(index) of \(timesteps.count) with \(images.count) images")
        }
        self.images = images
        stepIndex = index
    }
}
