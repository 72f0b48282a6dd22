import Files
import Foundation
import Tensors

/// A scheduler of rectified flows, whose sigmas go from 1, noise alone, to 0: a pipeline may hand it sigmas of its own, and
/// say how large the image is, as the shift of the sigmas may depend on it.
public protocol FlowScheduler: Scheduler {
    /// Begins a run of `steps` steps and forgets the last one.
    /// - Parameters:
    ///   - sigmas: those before each step, which are then shifted; nil spreads the training's evenly.
    ///   - tokens: of the image; where the shift depends on them they must be given.
    /// - Throws: `TensorError.value` for another number of sigmas than of steps, for missing tokens, and as the other
    ///   `setTimesteps`.
    func setTimesteps(_ steps: Int, sigmas: [Float]?, tokens: Int?) throws
}

/// Euler's method for rectified flows (Esser et al., arXiv 2403.03206, section 5.3.2 for the shift): the model answers with
/// noise minus image.
final class FlowMatchEulerScheduler: FlowScheduler {
    static let entry = SchedulerEntry("FlowMatchEulerDiscreteScheduler", "flow_match_euler") { reader, _ in
        try FlowMatchEulerScheduler(reader)
    }

    let name = FlowMatchEulerScheduler.entry.className
    let trainTimesteps: Int
    private(set) var timesteps: [Float] = []
    private(set) var sigmas: [Float] = []
    private(set) var stepIndex = 0
    let needsNoise = false
    let initialNoiseSigma: Float = 1
    private let shift: Double
    private let resolution: ResolutionShift?
    private let terminal: Double?
    private let spacing: SigmaSpacing
    private let isInverted: Bool
    /// What the run began with, for its state.
    private var given: (sigmas: [Float]?, tokens: Int?) = (nil, nil)

    init(_ reader: ConfigurationReader) throws {
        trainTimesteps = try reader.integer("num_train_timesteps", 1...100_000, default: 1000)
        shift = try reader.number("shift", 1e-6...1e6, default: 1)
        resolution = try ResolutionShift(reader)
        let terminal = try reader.number("shift_terminal", 0...0.999_999, default: 0)
        self.terminal = terminal == 0 ? nil : terminal
        spacing = try SigmaOptions.spacing(
            reader, [("use_karras_sigmas", .karras), ("use_exponential_sigmas", .exponential)])
        isInverted = try reader.boolean("invert_sigmas", default: false)
    }

    func setTimesteps(_ steps: Int) throws { try setTimesteps(steps, sigmas: nil, tokens: nil) }

    func setTimesteps(_ steps: Int, sigmas given: [Float]?, tokens: Int?) throws {
        try checkSteps(steps)
        func fault(_ message: String) -> TensorError { .value(operation: name, message: message) }
        if let given, given.count != steps { throw fault("\(given.count) sigmas for \(steps) steps") }
        if let given, !given.allSatisfy({ (0...1).contains($0) }) { throw fault("wanted sigmas from 0 to 1") }
        if resolution != nil, tokens == nil {
            throw fault(
                "use_dynamic_shifting wants the number of the image's tokens, which this pipeline does not give")
        }
        // diffusers computes with f32 where sigmas are given, else with f64.
        var spread = given.map { shifted($0, tokens).map { Double($0) } } ?? shifted(evenly(steps), tokens)
        let (largest, smallest) = (spread[0], spread[steps - 1])
        switch spacing {
        case .karras: spread = TimestepGrid.karras(steps, from: largest, to: smallest)
        case .exponential: spread = TimestepGrid.exponential(steps, from: largest, to: smallest)
        default: break
        }
        var values = spread.map { Float($0) }
        if isInverted { values = values.map { 1 - $0 } }
        guard values.allSatisfy(\.isFinite) else { throw fault("\(steps) steps lead to sigmas that are no numbers") }
        timesteps = values.map { $0 * Float(trainTimesteps) }
        sigmas = values + [isInverted ? 1 : 0]
        self.given = (given, tokens)
        stepIndex = 0
    }

    /// From the training's largest sigma to its smallest, which a shift that does not depend on the image has moved.
    private func evenly(_ steps: Int) -> [Double] {
        let total = Float(trainTimesteps)
        let ends = [1, 1 / total].map { resolution == nil ? moved($0) : $0 }.map { Double($0) * Double(trainTimesteps) }
        return TimestepGrid.linspace(ends[0], ends[1], steps).map { $0 / Double(trainTimesteps) }
    }

    private func moved<Number: BinaryFloatingPoint>(_ sigma: Number) -> Number {
        Number(shift) * sigma / (1 + Number(shift - 1) * sigma)
    }

    /// Sigmas after the shift, and stretched so that the last is `shift_terminal`.
    private func shifted<Number: BinaryFloatingPoint>(_ sigmas: [Number], _ tokens: Int?) -> [Number] {
        var result = sigmas
        if let resolution, let tokens {
            let weight = Number(resolution.weight(tokens))
            result = result.map { weight / (weight + (1 / $0 - 1)) }
        } else {
            result = result.map(moved)
        }
        guard let terminal, let last = result.last else { return result }
        let factor = (1 - last) / Number(1 - terminal)
        return result.map { 1 - (1 - $0) / factor }
    }

    func modelInput(_ sample: Tensor) throws -> Tensor { sample }

    func step(_ modelOutput: Tensor, sample: Tensor, noise: Tensor?) throws -> Tensor {
        try checkStep(modelOutput, sample, noise)
        let change = sigmas[stepIndex + 1] - sigmas[stepIndex]
        let result = try Elementwise.map(modelOutput, sample) { output, x in x + change * output }
        stepIndex += 1
        return result
    }

    func state() throws -> [String: Tensor] {
        var history: [String: Tensor] = [:]
        if let sigmas = given.sigmas { history["given"] = try Tensor(sigmas, shape: [sigmas.count]) }
        if let tokens = given.tokens { history["tokens"] = try Tensor([Int64(tokens)], shape: [1]) }
        return try SchedulerState.make(self, steps: timesteps.count, history)
    }

    func restore(_ state: [String: Tensor]) throws {
        let (steps, index) = try SchedulerState.read(self, state)
        if let sigmas = state["given"], sigmas.dtype != .f32 || sigmas.shape != [steps] {
            throw SchedulerState.fault(self, "its sigmas are \(sigmas.dtype) \(Tensor.text(sigmas.shape))")
        }
        if let tokens = state["tokens"], tokens.dtype != .i64 || tokens.shape != [1] {
            throw SchedulerState.fault(self, "its tokens are \(tokens.dtype) \(Tensor.text(tokens.shape))")
        }
        let tokens = try state["tokens"]?.array(Int64.self).first
        guard index <= steps, (0...1 << 32).contains(tokens ?? 0) else {
            throw SchedulerState.fault(self, "step \(index) of \(steps), \(tokens ?? 0) tokens")
        }
        try setTimesteps(steps, sigmas: state["given"]?.array(Float.self), tokens: tokens.map { Int($0) })
        stepIndex = index
    }
}

/// How the shift of a flow's sigmas follows from the size of the image.
private struct ResolutionShift {
    private let tokens: (least: Int, most: Int)
    private let shift: (least: Double, most: Double)
    private let isLinear: Bool

    /// Nil where the options have no such shift.
    init?(_ reader: ConfigurationReader) throws {
        shift = try (
            reader.number("base_shift", -100...100, default: 0.5), reader.number("max_shift", -100...100, default: 1.15)
        )
        tokens = try (
            reader.integer("base_image_seq_len", 1...1 << 24, default: 256),
            reader.integer("max_image_seq_len", 1...1 << 24, default: 4096)
        )
        isLinear =
            try reader.string("time_shift_type", among: ["exponential", "linear"], default: "exponential") == "linear"
        guard try reader.boolean("use_dynamic_shifting", default: false) else { return nil }
        guard tokens.least < tokens.most else {
            throw reader.fault("base_image_seq_len", "wanted fewer than max_image_seq_len, \(tokens.most)")
        }
    }

    /// μ, which grows evenly with the image's tokens (diffusers' `calculate_shift`), or e to the power of it.
    func weight(_ count: Int) -> Double {
        let slope = (shift.most - shift.least) / Double(tokens.most - tokens.least)
        let mu = Double(count) * slope + (shift.least - slope * Double(tokens.least))
        return isLinear ? mu : exp(mu)
    }
}
