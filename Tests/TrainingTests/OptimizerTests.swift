import Checkpoints
import Engine
import EngineCPU
import Files
import Recording
import Tensors
import TestSupport
import Testing
import Training

/// Every optimizer, clipping and every schedule beside PyTorch's: Tests/Parity/generators/training_optimizers.py.
@Suite struct OptimizerTests {
    private static let cases: [(name: String, kind: OptimizerKind)] = [
        ("adam", .adam()),
        ("adam decay", .adam(weightDecay: 0.1, beta1: 0.8, beta2: 0.95, epsilon: 1e-4)),
        ("adamw", .adamW()),
        ("adamw decay", .adamW(weightDecay: 0.5, beta1: 0.7, beta2: 0.9)),
        ("sgd", .sgd()),
        ("sgd decay", .sgd(weightDecay: 0.2)),
        ("momentum", .sgd(momentum: 0.9)),
        ("momentum decay", .sgd(momentum: 0.9, weightDecay: 0.2, dampening: 0.3)),
        ("nesterov", .sgd(momentum: 0.8, weightDecay: 0.1, nesterov: true)),
        ("adam clipped", .adam(weightDecay: 0.1)),
        ("momentum clipped", .sgd(momentum: 0.9, nesterov: true)),
    ]
    private static let rates = [0.01, 0.01, 0.003, 0.02, 0.001]
    private let inputs = 400
    private let outputs = 300
    private let rows = 3

    /// A linear layer with the script's weights.
    private func layer() throws -> (layer: Linear, parameters: ParameterSet) {
        let scope = ParameterScope()
        let layer = Linear(scope["l"], inputs: inputs, outputs: outputs)
        for parameter in scope.parameters {
            let values = uniform(parameter.name, parameter.shape).map { $0 * 0.5 }
            try parameter.load(Tensor(values, shape: parameter.shape))
        }
        return (layer, try ParameterSet(scope))
    }

    /// Gathers the gradient of a step's loss, which is the sum of the outputs times a direction.
    private func gatherGradient(_ step: Int, _ layer: Linear, _ parameters: ParameterSet) throws {
        // Some columns have no gradient, as pixels outside of every image have none.
        let x = uniform("x\(step)", [rows, inputs]).enumerated().map {
            $0.offset % inputs % 7 == 0 ? 0 : $0.element * Float(step + 1) / 3
        }
        parameters.zeroGradients()
        let recorder = try Recorder(parameters, execution: CPUExecution(dtype: .f32, threads: 2))
        let y = try recorder.linear(layer, recorder.variable(Tensor(x, shape: [rows, inputs])))
        let direction = try Tensor(uniform("direction\(step)", [rows * outputs]), shape: [rows * outputs])
        try recorder.backward(recorder.reshape(y, [rows * outputs]), gradient: direction)
    }

    @Test(arguments: cases.indices)
    func stepsEqualPyTorch(index: Int) throws {
        let (name, kind) = Self.cases[index]
        let expected = try Checkpoint.open(Places.fixtures("training/optimizers.safetensors"))
        let (layer, parameters) = try layer()
        let start = try parameters.values().map { try $0.tensor.array(Float.self) }
        let optimizer = Optimizer(kind, parameters, learningRate: 0)
        let norms = name.hasSuffix("clipped") ? try expected["\(name)/norms"].array(Double.self) : []
        for (step, rate) in Self.rates.enumerated() {
            try gatherGradient(step, layer, parameters)
            if !norms.isEmpty {
                let norm = try optimizer.gradientNorm()
                #expect(abs(norm / norms[step] - 1) < 1e-6, "\(name), step \(step): \(norm), wanted \(norms[step])")
            }
            optimizer.learningRate = rate
            try optimizer.step(clipNorm: norms.isEmpty ? nil : 180)
            for (value, first) in zip(try parameters.values(), start) {
                let part = value.name == "l.weight" ? "weight" : "bias"
                let every = part == "weight" ? 997 : 7
                let now = try value.tensor.array(Float.self)
                let moved = stride(from: 0, to: now.count, by: every).map { Double(now[$0]) - Double(first[$0]) }
                let wanted = try expected["\(name)/\(step)/\(part)"].array(Double.self)
                // Weights of about 0.25 are rounded to 1e-8, of the first step's 0.002.
                let error = relativeError(moved, wanted)
                #expect(error < 2e-5, "\(name), step \(step), \(part): \(error)")
            }
        }
        #expect(optimizer.steps == Self.rates.count)
    }

    @Test(arguments: [
        ("plateau", LearningRateSchedule.reduceOnPlateau()),
        ("plateau floor", .reduceOnPlateau(factor: 0.3, patience: 0, threshold: 0.05, minimum: 2e-4)),
        ("cosine", .cosine(epochs: 15, minimum: 1e-3)),
        ("step", .step(size: 4, factor: 0.5)),
    ])
    func schedulesEqualPyTorch(name: String, schedule: LearningRateSchedule) throws {
        let expected = try JSON.read(Places.fixtures("training/schedules.json"))
        let losses = try #require(expected["losses"]?.array).compactMap(\.number)
        let wanted = try #require(expected[name]?.array).compactMap(\.number)
        #expect(losses.count == 40 && wanted.count == 40)
        var rate = try #require(expected["start"]?.number)
        var state = ScheduleState(initialRate: rate)
        for (epoch, loss) in losses.enumerated() {
            rate = state.next(schedule, rate: rate, epoch: epoch + 1, loss: loss)
            #expect(abs(rate - wanted[epoch]) < 1e-12, "\(name), epoch \(epoch + 1): \(rate), wanted \(wanted[epoch])")
        }
    }

    @Test func aConstantRateStays() {
        var state = ScheduleState(initialRate: 0.3)
        for epoch in 1...5 { #expect(state.next(.constant, rate: 0.3, epoch: epoch, loss: Double(epoch)) == 0.3) }
    }
}
