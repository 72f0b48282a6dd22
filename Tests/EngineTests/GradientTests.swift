import Engine
import EngineCPU
import Foundation
import Recording
import Tensors
import TestSupport
import Testing

@Suite struct GradientTests {
    /// Compares the gradients of Σ result · direction with finite differences along every 7th value.
    private func check(
        _ scope: ParameterScope, _ shape: [Int], _ comment: String,
        _ forward: @escaping (Recorder, Variable) throws -> Variable
    ) throws {
        try fill(scope)
        let parameters = try ParameterSet(scope)
        let context = try CPUExecution(dtype: .f32, threads: 2)
        let numbers = uniform("input", shape)
        func sum(_ values: [Float]) throws -> (Double, Recorder, Variable, Variable, Tensor) {
            let recorder = try Recorder(parameters, execution: context)
            let x = try recorder.variable(Tensor(values, shape: shape), requiresGradient: true)
            let made = try forward(recorder, x)
            let y = try recorder.reshape(made, [made.count])
            let direction = try Tensor(uniform("direction", y.shape), shape: y.shape)
            let total = zip(try y.tensor().array(Float.self), try direction.array(Float.self)).reduce(0.0) {
                $0 + Double($1.0) * Double($1.1)
            }
            return (total, recorder, x, y, direction)
        }
        let (_, recorder, x, y, direction) = try sum(numbers)
        parameters.zeroGradients()
        try recorder.backward(y, gradient: direction)
        let gradient = try #require(try x.gradient()).array(Float.self)
        // Differences of the fourth order: their error is far below the rounding of f32.
        let step: Float = 0x1p-5
        var difference = 0.0
        var norm = 0.0
        for index in stride(from: 0, to: numbers.count, by: 7) {
            func moved(_ steps: Float) throws -> Double {
                var values = numbers
                values[index] += steps * step
                return try sum(values).0
            }
            let near = try moved(1) - moved(-1)
            let far = try moved(2) - moved(-2)
            let slope = (8 * near - far) / (12 * Double(step))
            difference += (slope - Double(gradient[index])) * (slope - Double(gradient[index]))
            norm += slope * slope
        }
        #expect((difference / norm).squareRoot() < 1e-3, "\(comment): \((difference / norm).squareRoot())")
    }

    @Test func convolutionsAndNormsEqualDifferences() throws {
        for (inputs, outputs) in [(16, 32), (3, 16), (5, 7)] {
            let scope = ParameterScope()
            let layer = Convolution2D(
                scope["c"], inputs: inputs, outputs: outputs, kernel: (3, 3), stride: (2, 2), padding: (1, 1),
                hasBias: false, batchNorm: BatchNorm2D(scope["bn"], channels: outputs))
            try check(scope, [2, 6, 6, inputs], "convolution \(inputs) \(outputs)") {
                try $0.convolution(layer, $1)
            }
        }
    }

    @Test func smallLayersEqualDifferences() throws {
        let scope = ParameterScope()
        let norm = LayerNorm(scope["n"], channels: 12)
        let grouped = try GroupNorm(scope["g"], groups: 3, channels: 12)
        let linear = Linear(scope["l"], inputs: 12, outputs: 9)
        let pool = try Pooling(.average, kernel: 3, stride: 2, padding: 1)
        try check(scope, [2, 4, 4, 12], "layer norm") { try $0.norm(norm, $1) }
        try check(scope, [2, 4, 4, 12], "group norm") { try $0.norm(grouped, $1, Epilogue(activation: .silu)) }
        try check(scope, [2, 4, 4, 12], "linear") { try $0.linear(linear, $1, Epilogue(activation: .gelu)) }
        try check(scope, [2, 5, 5, 12], "average") { try $0.globalAverage($0.pool(pool, $1)) }
        try check(scope, [2, 4, 4, 12], "sigmoid and tanh") { try $0.tanh($0.sigmoid($1)) }
    }
}
