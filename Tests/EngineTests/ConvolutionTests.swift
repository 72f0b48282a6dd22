import Engine
import EngineCPU
import Foundation
import Tensors
import TestSupport
import Testing

/// A convolution as its definition says, in f64.
private func convolve(
    _ x: [Double], _ shape: [Int], _ weight: [Float], _ outputs: Int, _ kernel: (Int, Int), _ stride: (Int, Int),
    _ padding: (Int, Int), _ finish: (Double, Int, Int) -> Double
) -> [Double] {
    let (images, height, width, inputs) = (shape[0], shape[1], shape[2], shape[3])
    let rows = (height + 2 * padding.0 - kernel.0) / stride.0 + 1
    let columns = (width + 2 * padding.1 - kernel.1) / stride.1 + 1
    var result: [Double] = []
    for image in 0..<images {
        for row in 0..<rows {
            for column in 0..<columns {
                for output in 0..<outputs {
                    var sum = 0.0
                    for y in 0..<kernel.0 {
                        for z in 0..<kernel.1 {
                            let (from, at) = (row * stride.0 + y - padding.0, column * stride.1 + z - padding.1)
                            if from < 0 || from >= height || at < 0 || at >= width { continue }
                            for channel in 0..<inputs {
                                sum +=
                                    x[((image * height + from) * width + at) * inputs + channel]
                                    * Double(weight[((output * inputs + channel) * kernel.0 + y) * kernel.1 + z])
                            }
                        }
                    }
                    result.append(finish(sum, output, result.count))
                }
            }
        }
    }
    return result
}

@Suite struct ConvolutionTests {
    @Test func equalsItsDefinition() throws {
        let cases: [(Int, Int, (Int, Int), (Int, Int), (Int, Int))] = [
            (3, 5, (3, 3), (2, 2), (0, 0)), (16, 32, (1, 1), (1, 1), (0, 0)), (20, 17, (1, 7), (1, 1), (0, 3)),
            (8, 48, (7, 1), (1, 1), (3, 0)), (32, 16, (5, 5), (1, 1), (2, 2)), (3, 24, (7, 7), (7, 7), (0, 0)),
        ]
        for (dtype, tolerance) in dtypes {
            let execution = try CPUExecution(dtype: dtype)
            for (inputs, outputs, kernel, stride, padding) in cases {
                let scope = ParameterScope()
                let layer = Convolution2D(
                    scope["c"], inputs: inputs, outputs: outputs, kernel: kernel, stride: stride, padding: padding)
                let values = try fill(scope)
                let shape = [2, 15, 14, inputs]
                let (x, numbers) = try input("x", shape, execution)
                let bias = try #require(values["c.bias"])
                let wanted = convolve(
                    numbers, shape, try #require(values["c.weight"]), outputs, kernel, stride, padding
                ) { sum, output, _ in sum + Double(bias[output]) }
                let result = try execution.run { try execution.convolution(layer, x) }
                #expect(relativeError(try floats(result), wanted) < tolerance, "\(dtype) \(inputs) \(kernel)")
            }
        }
    }

    /// oneDNN itself is not safe here; without the lock round its making of operations one in 400 is wrong.
    @Test func threadsMayMakeOperationsAtOnce() async throws {
        var seeds = SeededGenerator()
        let generators = (0..<4).map { _ in SeededGenerator(seed: seeds.next()) }
        try await withThrowingTaskGroup(of: Void.self) { group in
            for generator in generators {
                group.addTask {
                    var random = generator
                    for index in 0..<300 {
                        let dtype = index % 2 == 0 ? DType.bf16 : .f32
                        let (inputs, outputs) = (
                            Int.random(in: 1...40, using: &random), Int.random(in: 1...40, using: &random)
                        )
                        let padding = (Int.random(in: 0...1, using: &random), Int.random(in: 0...1, using: &random))
                        let stride = (2, 2)
                        let execution = try CPUExecution(dtype: dtype)
                        let scope = ParameterScope()
                        let layer = Convolution2D(
                            scope["c"], inputs: inputs, outputs: outputs, kernel: (3, 3), stride: stride,
                            padding: padding)
                        let values = try fill(scope)
                        let shape = [
                            1, Int.random(in: 4...9, using: &random), Int.random(in: 4...9, using: &random), inputs,
                        ]
                        let (x, numbers) = try input("x", shape, execution)
                        let bias = try #require(values["c.bias"])
                        let wanted = convolve(
                            numbers, shape, try #require(values["c.weight"]), outputs, (3, 3), stride, padding
                        ) { sum, output, _ in sum + Double(bias[output]) }
                        // Terms may cancel to next to nothing: an error is measured by the sum of their magnitudes.
                        let magnitudes = convolve(
                            numbers.map(abs), shape, try #require(values["c.weight"]).map(abs), outputs, (3, 3), stride,
                            padding
                        ) { sum, output, _ in sum + Double(abs(bias[output])) }
                        let found = try floats(execution.run { try execution.convolution(layer, x) })
                        let worst = found.indices.map { abs(Double(found[$0]) - wanted[$0]) / magnitudes[$0] }.max()
                        #expect(
                            found.count == wanted.count && (worst ?? 1) < (dtype == .f32 ? 1e-6 : 8e-3),
                            "\(dtype) \(inputs) to \(outputs) of \(shape), padding \(padding): \(worst ?? 1)")
                    }
                }
            }
            try await group.waitForAll()
        }
    }

    @Test func foldsBatchNormAndFusesResidualAndActivation() throws {
        for (dtype, tolerance) in dtypes {
            let execution = try CPUExecution(dtype: dtype)
            let scope = ParameterScope()
            let layer = Convolution2D(
                scope["c"], inputs: 16, outputs: 24, kernel: (3, 3), padding: (1, 1), hasBias: false,
                batchNorm: BatchNorm2D(scope["bn"], channels: 24, epsilon: 1e-3))
            let values = try fill(scope)
            func value(_ name: String, _ index: Int) -> Double { Double(values["bn.\(name)"]?[index] ?? .nan) }
            let (x, numbers) = try input("x", [1, 9, 9, 16], execution)
            let (residual, added) = try input("r", [1, 9, 9, 24], execution)
            let wanted = convolve(
                numbers, [1, 9, 9, 16], try #require(values["c.weight"]), 24, (3, 3), (1, 1), (1, 1)
            ) { sum, output, index in
                let scale = value("weight", output) / (value("running_var", output) + 1e-3).squareRoot()
                let normed = (sum - value("running_mean", output)) * scale + value("bias", output)
                return max(0, normed + added[index])
            }
            let result = try execution.run {
                try execution.convolution(
                    layer, x, Epilogue(residual: .given(residual), activation: .relu))
            }
            #expect(relativeError(try floats(result), wanted) < tolerance)
        }
    }

    @Test func anImageHasTheSameBitsInAnyBatch() throws {
        for (dtype, _) in dtypes {
            let execution = try CPUExecution(dtype: dtype)
            let scope = ParameterScope()
            let layer = Convolution2D(scope["c"], inputs: 64, outputs: 96, kernel: (3, 3), padding: (1, 1))
            try fill(scope)
            let (x, _) = try input("x", [5, 17, 17, 64], execution)
            let all = try floats(execution.run { try execution.convolution(layer, x) })
            for image in 0..<5 {
                let one = try Tensor(
                    storage: x.storage, dtype: dtype, shape: [1, 17, 17, 64],
                    strides: Tensor.contiguousStrides([1, 17, 17, 64]), offset: image * 17 * 17 * 64)
                let alone = try floats(execution.run { try execution.convolution(layer, one) })
                #expect(alone == Array(all[image * alone.count..<(image + 1) * alone.count]))
            }
        }
    }

    @Test func refusesOtherShapes() throws {
        let execution = try CPUExecution(dtype: .f32)
        let scope = ParameterScope()
        let layer = Convolution2D(scope["c"], inputs: 3, outputs: 4, kernel: (3, 3))
        #expect(throws: EngineError.self) { try execution.convolution(layer, Tensor.zeros([1, 5, 5, 3])) }
        try fill(scope)
        for shape in [[1, 5, 5, 4], [5, 5, 3], [1, 2, 5, 3], [0, 5, 5, 3]] {
            #expect(throws: TensorError.self) { try execution.convolution(layer, Tensor.zeros(shape)) }
        }
        #expect(throws: TensorError.self) { try execution.convolution(layer, Tensor.zeros([1, 5, 5, 3], .f64)) }
        #expect(throws: TensorError.self) { _ = try CPUExecution(dtype: .i64) }
    }
}
