import Engine
import EngineCPU
import Foundation
import Tensors
import TestSupport
import Testing

/// Convolutions of our own kernel beside oneDNN's.
@Suite struct PanelConvolutionTests {
    /// A layer that the kernel serves, and the images that it is asked for.
    struct Case: Sendable, CustomTestStringConvertible {
        var inputs, outputs, kernel, stride, padding: Int
        var height, width: Int
        var testDescription: String { "\(inputs) to \(outputs), \(kernel), /\(stride), \(height) × \(width)" }

        func layer() throws -> Convolution2D {
            let scope = ParameterScope()
            let layer = Convolution2D(
                scope["c"], inputs: inputs, outputs: outputs, kernel: (kernel, kernel), stride: (stride, stride),
                padding: (padding, padding), hasBias: false, batchNorm: BatchNorm2D(scope["bn"], channels: outputs))
            try fill(scope)
            return layer
        }
    }

    static let cases = [
        Case(inputs: 64, outputs: 256, kernel: 1, stride: 1, padding: 0, height: 13, width: 11),
        Case(inputs: 96, outputs: 64, kernel: 1, stride: 2, padding: 0, height: 13, width: 15),
        Case(inputs: 34, outputs: 128, kernel: 1, stride: 2, padding: 0, height: 8, width: 14),
        Case(inputs: 64, outputs: 64, kernel: 1, stride: 1, padding: 0, height: 1, width: 1),
        Case(inputs: 3, outputs: 64, kernel: 7, stride: 2, padding: 3, height: 29, width: 23),
        Case(inputs: 1, outputs: 64, kernel: 3, stride: 1, padding: 1, height: 9, width: 12),
        Case(inputs: 4, outputs: 128, kernel: 2, stride: 2, padding: 0, height: 10, width: 6),
    ]

    private func execution(_ dtype: DType, threads: Int = 1, own: Bool = true) throws -> CPUExecution {
        try CPUExecution(dtype: dtype, threads: threads, Prepared(usesOwnProducts: own))
    }

    @Test(arguments: cases) func equalsOneDNN(_ given: Case) throws {
        let layer = try given.layer()
        for (dtype, tolerance) in dtypes {
            let (ours, theirs) = (try execution(dtype), try execution(dtype, own: false))
            let (x, _) = try input("x", [2, given.height, given.width, given.inputs], ours)
            let plain = try theirs.run { try theirs.convolution(layer, x) }
            let (added, _) = try input("r", plain.shape, ours)
            for activation in [Activation.none, .relu] {
                for result in [dtype, .f32] {
                    let residual = try ours.convert(added, result)
                    let epilogues = [
                        Epilogue(activation: activation, result: result),
                        Epilogue(residual: .kept(residual), activation: activation, result: result),
                        Epilogue(residual: .kept(added), activation: activation, result: result),
                    ]
                    for epilogue in epilogues {
                        let wanted = try floats(theirs.run { try theirs.convolution(layer, x, epilogue) })
                        let found = try floats(ours.run { try ours.convolution(layer, x, epilogue) })
                        #expect(relativeError(found, wanted.map { Double($0) }) < tolerance, "\(dtype) \(result)")
                    }
                }
            }
        }
    }

    /// A residual that is given away is the result's memory.
    @Test func aGivenResidualTakesTheResult() throws {
        let layer = try Self.cases[0].layer()
        for (dtype, _) in dtypes {
            let execution = try execution(dtype)
            let (x, _) = try input("x", [1, 5, 6, 64], execution)
            let (added, _) = try input("r", [1, 5, 6, 256], execution)
            try execution.run {
                let kept = try floats(execution.convolution(layer, x, Epilogue(residual: .kept(added))))
                let result = try execution.convolution(layer, x, Epilogue(residual: .given(added)))
                #expect(result.pointer == added.pointer)
                #expect(try floats(result) == kept)
            }
        }
    }

    /// Whatever the batch, and whatever the threads.
    @Test(arguments: cases) func anImageHasTheSameBitsAnywhere(_ given: Case) throws {
        let layer = try given.layer()
        for (dtype, _) in dtypes {
            let (one, many) = (try execution(dtype), try execution(dtype, threads: 2))
            let (x, _) = try input("x", [3, given.height, given.width, given.inputs], one)
            let all = try floats(one.run { try one.convolution(layer, x) })
            #expect(try floats(many.run { try many.convolution(layer, x) }) == all)
            for image in 0..<3 {
                let alone = try floats(one.run { try one.convolution(layer, x.narrow(0, image, 1)) })
                #expect(alone == Array(all[image * alone.count..<(image + 1) * alone.count]))
            }
        }
    }

    /// In bands of rows, the last of which is smaller, and the same bits as one after the other.
    @Test(arguments: [(45, 37), (600, 211), (8, 5)]) func poolsWhatIsAtHand(height: Int, width: Int) throws {
        let stem = try Self.cases[4].layer()
        let pointwise = try Self.cases[0].layer()
        let poolings = [
            try Pooling(.max, kernel: 3, stride: 2, padding: 1), try Pooling(.average, kernel: 2, stride: 2),
            try Pooling(.max, kernel: 2, stride: 2), try Pooling(.average, kernel: 3, stride: 1, padding: 1),
            try Pooling(.max, kernel: 1, stride: 3, relu: true),
        ]
        for (dtype, _) in dtypes {
            for threads in [1, 2] {
                let execution = try execution(dtype, threads: threads)
                for (layer, inputs) in [(stem, 3), (pointwise, 64)] where inputs == 3 || height < 100 {
                    let (x, _) = try input("x", [2, height, width, inputs], execution)
                    for pooling in poolings {
                        try execution.run {
                            let whole = try execution.convolution(layer, x, Epilogue(activation: .relu))
                            let wanted = try floats(execution.pool(pooling, whole))
                            let found = try floats(execution.pooled(pooling, layer, x, .relu))
                            #expect(found == wanted, "\(dtype) \(pooling)")
                        }
                    }
                }
            }
        }
    }

    @Test func refusesOtherShapes() throws {
        let layer = try Self.cases[4].layer()
        let execution = try execution(.f32)
        let pooling = try Pooling(.max, kernel: 3, stride: 2)
        for shape in [[1, 29, 29, 4], [29, 29, 3], [1, 0, 5, 3], [0, 29, 29, 3], [1, 1, 1, 3]] {
            #expect(throws: TensorError.self) {
                try execution.pooled(pooling, layer, Tensor.zeros(shape), .relu)
            }
        }
    }
}
