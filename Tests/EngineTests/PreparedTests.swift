import Checkpoints
import Engine
import EngineCPU
import Foundation
import TestSupport
import Tensors
import Testing

/// What the processor's executor keeps of layers.
@Suite struct PreparedTests {
    private func linear(_ name: String = "l") throws -> (Linear, ParameterScope) {
        let scope = ParameterScope()
        let layer = Linear(scope[name], inputs: 32, outputs: 48)
        for parameter in scope.parameters {
            try parameter.load(Tensor(uniform(parameter.name, parameter.shape), shape: parameter.shape))
        }
        return (layer, scope)
    }

    /// Every number of rows gets the right result; operations are bounded, and the weights are packed once.
    @Test func manyNumbersOfRowsKeepFewOperationsAndOneCopyOfWeights() throws {
        let (layer, _) = try linear()
        let prepared = Prepared()
        let execution = try CPUExecution(dtype: .f32, threads: 1, prepared)
        let x = try Tensor(uniform("x", [1300, 32]), shape: [1300, 32])
        let whole = try execution.run { try execution.linear(layer, x).array(Float.self) }
        for rows in 1...1300 {
            let part = try execution.run { try execution.linear(layer, x.narrow(0, 0, rows)) }
            #expect(relativeError(try part.array(Float.self), whole.prefix(rows * 48).map { Double($0) }) < 1e-6)
        }
        #expect(prepared.primitives.count <= Prepared.primitiveCapacity)
        #expect(prepared.weightCount == 1)
    }

    /// A network of three layers in blocks, the first of which has two passes at a time.
    @Test func streamedBlocksAreLetGo() throws {
        let layers = try (0..<3).map { try linear("l\($0)").0 }
        let x = try Tensor(uniform("x", [4, 7, 32]), shape: [4, 7, 32])
        func answers(_ executor: CPUExecutor, _ schedule: Schedule) throws -> [Float] {
            try executor.map(4, schedule) { execution, rows in
                let input = try x.narrow(0, rows.lowerBound, rows.count)
                var sums: [Tensor] = []
                for layer in layers {
                    sums.append(try execution.block(layer) { try execution.linear(layer, input) })
                    // Of other threads, one block each.
                    #expect(!executor.isStreaming || executor.weightCount <= 4)
                }
                return try execution.concatenate(sums)
            }?.array(Float.self) ?? []
        }
        let (held, streamed) = (try CPUExecutor(dtype: .f32), try CPUExecutor(dtype: .f32))
        streamed.isStreaming = true
        let first = try answers(streamed, .spread)
        #expect(streamed.weightCount == 0)
        for schedule in [Schedule.spread, .pieces(atMost: 1), .fitted] {
            #expect(try answers(streamed, schedule) == first)
        }
        // Values in memory are kept by streaming, and taken without it.
        #expect(try answers(held, .spread) == first && held.weightCount == 3)
        #expect(throws: EngineError.self) { try layers[0].weight.value() }
        streamed.isStreaming = false
        #expect(streamed.weightCount == 0)
    }

    @Test func layersOfOneSizeShareTheirOperations() throws {
        let prepared = Prepared()
        let execution = try CPUExecution(dtype: .f32, threads: 1, prepared)
        var layers: [Linear] = []
        for index in 0..<5 {
            let (layer, _) = try linear("l\(index)")
            layers.append(layer)
            _ = try execution.run { try execution.linear(layer, Tensor.ones([7, 32])) }
        }
        #expect(prepared.primitives.count == 1)
        #expect(prepared.weightCount == 5)
    }

    /// A value in memory is let go when an executor took it; a mapped one stays, for another executor or a changed layer.
    @Test func weightsAreHeldOnce() throws {
        let (layer, scope) = try linear()
        let execution = try CPUExecution(dtype: .bf16)
        _ = try layer.weight.value()
        _ = try execution.run { try execution.linear(layer, Tensor.ones([3, 32])) }
        #expect(throws: EngineError.self) { try layer.weight.value() }

        let path = NSTemporaryDirectory() + "chexgen-\(UUID().uuidString).safetensors"
        defer { try? FileManager.default.removeItem(atPath: path) }
        let tensors = try scope.parameters.map {
            (name: $0.name, tensor: try Tensor(uniform($0.name, $0.shape), shape: $0.shape))
        }
        try SafeTensors.write(path, tensors, metadata: [:])
        try scope.load(Checkpoint.open(path))
        let fresh = try CPUExecution(dtype: .bf16)
        let first = try fresh.run { try fresh.linear(layer, Tensor.ones([3, 32])).to(.f32).array(Float.self) }
        #expect(try layer.weight.floats() == uniform("l.weight", [48, 32]))
        let other = try CPUExecution(dtype: .bf16)
        #expect(try other.run { try other.linear(layer, Tensor.ones([3, 32])).to(.f32).array(Float.self) } == first)
    }

    @Test func newWeightsAreTakenAfterForgetting() throws {
        let (layer, _) = try linear()
        let executor = try CPUExecutor(dtype: .f32)
        func answer() throws -> [Float] {
            try executor.run { try $0.linear(layer, Tensor.ones([1, 32])).array(Float.self) }
        }
        let before = try answer()
        let doubled = uniform("l.weight", [48, 32]).map { 2 * $0 }
        try layer.weight.load(Tensor(doubled, shape: [48, 32]))
        try layer.bias?.load(Tensor.zeros([48]))
        #expect(try answer() == before)
        executor.forget()
        let bias = uniform("l.bias", [48])
        let wanted = zip(before, bias).map { 2 * (Double($0) - Double($1)) }
        #expect(relativeError(try answer(), wanted) < 1e-6)
    }

    /// Images of other sizes may want the weights in another layout: these take the former ones' place.
    @Test func aConvolutionKeepsOneCopyOfItsWeights() throws {
        let scope = ParameterScope()
        let layer = Convolution2D(scope["c"], inputs: 64, outputs: 96, kernel: (3, 3), padding: (1, 1))
        for parameter in scope.parameters {
            try parameter.load(Tensor(uniform(parameter.name, parameter.shape), shape: parameter.shape))
        }
        for dtype in [DType.f32, .bf16] {
            let prepared = Prepared()
            let execution = try CPUExecution(dtype: dtype, threads: 1, prepared)
            for parameter in scope.parameters {
                try parameter.load(Tensor(uniform(parameter.name, parameter.shape), shape: parameter.shape))
            }
            var results: [[Float]] = []
            for side in [8, 35, 8, 14, 35] {
                let x = try Tensor(uniform("x", [1, side, side, 64]), shape: [1, side, side, 64])
                results.append(
                    try execution.run { try execution.convolution(layer, x).to(.f32).array(Float.self) })
                #expect(prepared.weightCount == 1)
            }
            #expect(results[0] == results[2])
            #expect(results[1] == results[4])
        }
    }

    /// Tokens that come one at a time, or some at a time, see what all at once see.
    @Test func aCacheContinuesACausalPass() throws {
        let layer = try Attention(channels: 32, heads: 4, keyHeads: 2)
        let count = 700
        let query = try Tensor(uniform("q", [2, count, 32]), shape: [2, count, 32])
        let key = try Tensor(uniform("k", [2, count, 16]), shape: [2, count, 16])
        let value = try Tensor(uniform("v", [2, count, 16]), shape: [2, count, 16])
        let prepared = Prepared()
        let execution = try CPUExecution(dtype: .f32, threads: 1, prepared)
        let whole = try execution.run {
            try execution.attention(layer, query: query, key: key, value: value, mask: .causal)
        }
        let before = prepared.primitives.count
        let cache = try execution.cache()
        var start = 0
        while start < count {
            let width = start == 0 ? 37 : start < 300 ? 1 : 50
            let part = start..<min(count, start + width)
            func cut(_ tensor: Tensor) throws -> Tensor {
                try tensor.narrow(1, part.lowerBound, part.count).contiguous()
            }
            let found = try execution.run {
                try execution.attention(
                    layer, query: cut(query), key: cut(key), value: cut(value), mask: .causal, cache: cache)
            }
            let wanted = try cut(whole).array(Float.self).map { Double($0) }
            #expect(relativeError(try found.array(Float.self), wanted) < 2e-6, "\(part)")
            start = part.upperBound
            #expect(cache.length == start)
        }
        // Keys are taken in multiples of 64: not every token wants operations of its own.
        #expect(prepared.primitives.count - before < 80)
        #expect(throws: TensorError.self) {
            try execution.attention(
                layer, query: Tensor.zeros([1, 1, 32]), key: Tensor.zeros([1, 1, 16]), value: Tensor.zeros([1, 1, 16]),
                mask: .causal, cache: cache)
        }
    }
}
