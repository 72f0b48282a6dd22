import Engine
import EngineCPU
import Tensors
import TestSupport
import Testing

/// Linear layers of many rows, cut into pieces of work and chunks of inputs.
@Suite struct ManyRowsTests {
    private func layer(_ inputs: Int, _ outputs: Int, _ weights: [Float]) throws -> Linear {
        let layer = Linear(ParameterScope(), inputs: inputs, outputs: outputs)
        try layer.weight.load(Tensor(weights, shape: [outputs, inputs]).to(.bf16).to(.f32))
        try layer.bias?.load(Tensor(uniform("b", [outputs]), shape: [outputs]))
        return layer
    }

    /// Sizes around every edge: rows of a group and of a piece, inputs of a step and of a chunk, outputs of a panel.
    @Test(arguments: [DType.f32, .bf16]) func productsEqualTheirDefinition(dtype: DType) throws {
        var generator = SeededGenerator()
        func numbers(_ count: Int) -> [Float] { (0..<count).map { _ in Float.random(in: -1...1, using: &generator) } }
        for (rows, inputs, outputs) in [
            (1, 2, 64), (5, 7, 65), (6, 16, 128), (7, 34, 190), (13, 1030, 100), (97, 2050, 70), (769, 66, 64),
            (1600, 34, 129), (1, 16, 64), (97, 1040, 128), (775, 64, 192),
        ] {
            let weights = numbers(outputs * inputs)
            let values = try Tensor(numbers(rows * inputs), shape: [rows, inputs]).to(dtype)
            let (x, kept) = (try floats(values), numbers(rows * outputs))
            let rounded = try floats(Tensor(weights, shape: [weights.count]).to(.bf16))
            let bias = uniform("b", [outputs])
            for threads in [1, 2] {
                let execution = try CPUExecution(dtype: dtype, threads: threads)
                let own = try layer(inputs, outputs, weights)
                let found = try execution.run {
                    let residual = try Tensor(kept, shape: [rows, outputs])
                    return try floats(
                        execution.linear(own, values, Epilogue(residual: .kept(residual), result: .f32)))
                }
                var (worst, largest) = (0.0, 0.0)
                for row in 0..<rows {
                    // Every row of small products, some of large ones.
                    guard rows * inputs * outputs < 1 << 20 || row % 191 < 2 || row == rows - 1 else { continue }
                    for output in 0..<outputs {
                        var sum = Double(bias[output]) + Double(kept[row * outputs + output])
                        for k in 0..<inputs {
                            sum += Double(x[row * inputs + k]) * Double(rounded[output * inputs + k])
                        }
                        worst = max(worst, abs(sum - Double(found[row * outputs + output])))
                        largest = max(largest, abs(sum))
                    }
                }
                #expect(worst <= 4e-6 * largest, "\(rows) rows, \(inputs) to \(outputs), \(threads) threads")
            }
        }
    }

    /// What follows is done in registers where it is simple, and otherwise in a pass behind the sums: a summand of zero asks for that.
    @Test(arguments: [DType.f32, .bf16]) func theSimpleWayGivesTheSameBits(dtype: DType) throws {
        let (inputs, outputs, rows) = (1040, 192, 101)
        let execution = try CPUExecution(dtype: dtype)
        let own = try layer(inputs, outputs, uniform("w", [outputs, inputs]))
        let x = try Tensor(uniform("x", [rows, inputs]), shape: [rows, inputs])
        let kept = try Tensor(uniform("r", [rows, outputs]), shape: [rows, outputs])
        let zeros = try Tensor.zeros([1, outputs])
        for result in [dtype, .f32] {
            let residual = try execution.convert(kept, result)
            for added in [nil, Residual.kept(residual)] {
                for activation in [Activation.none, .relu] {
                    let (simple, passed) = try execution.run {
                        try (
                            execution.linear(
                                own, x, Epilogue(residual: added, activation: activation, result: result)),
                            execution.linear(
                                own, x,
                                Epilogue(summand: zeros, residual: added, activation: activation, result: result))
                        )
                    }
                    #expect(try floats(simple) == floats(passed), "\(result), \(activation)")
                }
            }
        }
    }

    /// A row has the same bits alone and beside any others, on one thread and on two.
    @Test(arguments: [DType.f32, .bf16]) func rowsAreTheSameBesideOthers(dtype: DType) throws {
        let (inputs, outputs, rows) = (1100, 130, 800)
        let x = try Tensor(uniform("x", [rows, inputs]), shape: [rows, inputs])
        // An execution takes the values of a layer.
        let sides = try [1, 2].map {
            try (CPUExecution(dtype: dtype, threads: $0), layer(inputs, outputs, uniform("w", [outputs, inputs])))
        }
        func run(_ range: Range<Int>, _ side: (CPUExecution, Linear)) throws -> [Float] {
            let (execution, own) = side
            return try execution.run {
                let some = try x.narrow(0, range.lowerBound, range.count).contiguous()
                return try floats(execution.linear(own, some, Epilogue(activation: .gelu)))
            }
        }
        let whole = try run(0..<rows, sides[0])
        #expect(try run(0..<rows, sides[1]) == whole)
        for range in [0..<1, 3..<8, 791..<800, 100..<700] {
            let wanted = Array(whole[range.lowerBound * outputs..<range.upperBound * outputs])
            for side in sides { #expect(try run(range, side) == wanted, "\(range)") }
        }
    }
}
