import Checkpoints
import Foundation
import NeuralNet
import Tensors
import TestSupport
import Testing

@Suite struct LayerTests {
    @Test func linearEqualsItsDefinitionWithEveryActivation() throws {
        let activations: [(Activation, (Double) -> Double)] = [
            (.none, { $0 }), (.relu, { max(0, $0) }), (.gelu, { $0 * 0.5 * (1 + erf($0 / 2.0.squareRoot())) }),
            (.geluTanh, { 0.5 * $0 * (1 + tanh((2 / Double.pi).squareRoot() * ($0 + 0.044715 * $0 * $0 * $0))) }),
            (.quickGelu, { $0 / (1 + exp(-1.702 * $0)) }), (.silu, { $0 / (1 + exp(-$0)) }),
        ]
        for (dtype, tolerance) in dtypes {
            let context = try Context(dtype: dtype)
            for (activation, function) in activations {
                let scope = ParameterScope()
                let layer = Linear(scope["l"], inputs: 70, outputs: 45, activation: activation)
                let values = try fill(scope)
                let (x, numbers) = try input("x", [3, 7, 70], context)
                let (weight, bias) = (try #require(values["l.weight"]), try #require(values["l.bias"]))
                var wanted: [Double] = []
                for row in 0..<21 {
                    for output in 0..<45 {
                        var sum = Double(bias[output])
                        for k in 0..<70 { sum += numbers[row * 70 + k] * Double(weight[output * 70 + k]) }
                        wanted.append(function(sum))
                    }
                }
                let result = try context.run { try layer.forward(x, context) }
                #expect(result.shape == [3, 7, 45])
                #expect(relativeError(try floats(result), wanted) < tolerance * 2, "\(dtype) \(activation)")
            }
        }
    }

    @Test func layerNormAndGroupNormEqualTheirDefinition() throws {
        for (dtype, tolerance) in dtypes {
            let context = try Context(dtype: dtype)
            for channels in [16, 40, 96] {
                let scope = ParameterScope()
                let layer = LayerNorm(scope["n"], channels: channels, epsilon: 1e-6)
                let grouped = try GroupNorm(scope["g"], groups: 4, channels: channels, activation: .silu)
                let values = try fill(scope)
                let (x, numbers) = try input("x", [2, 9, channels], context)
                func normed(_ name: String, _ epsilon: Double, _ members: [Int]) -> [(Int, Double)] {
                    let mean = members.reduce(0) { $0 + numbers[$1] } / Double(members.count)
                    let variance =
                        members.reduce(0) { $0 + (numbers[$1] - mean) * (numbers[$1] - mean) } / Double(members.count)
                    return members.map { index in
                        let channel = index % channels
                        let weight = Double(values["\(name).weight"]?[channel] ?? .nan)
                        let bias = Double(values["\(name).bias"]?[channel] ?? .nan)
                        return (index, (numbers[index] - mean) / (variance + epsilon).squareRoot() * weight + bias)
                    }
                }
                var wanted = [Double](repeating: 0, count: numbers.count)
                for row in 0..<18 {
                    for (index, value) in normed("n", 1e-6, (0..<channels).map { row * channels + $0 }) {
                        wanted[index] = value
                    }
                }
                #expect(relativeError(try floats(layer.forward(x, context)), wanted) < tolerance)
                for unit in 0..<8 {
                    let width = channels / 4
                    let members = (0..<9 * width).map { member in
                        (unit / 4 * 9 + member / width) * channels + unit % 4 * width + member % width
                    }
                    for (index, value) in normed("g", 1e-5, members) { wanted[index] = value / (1 + exp(-value)) }
                }
                #expect(relativeError(try floats(grouped.forward(x, context)), wanted) < tolerance)
            }
        }
    }

    @Test func attentionEqualsItsDefinitionAcrossTiles() throws {
        for (dtype, tolerance) in dtypes {
            let context = try Context(dtype: dtype)
            for (queries, keys, heads, size) in [
                (1, 1, 1, 16), (1, 37, 2, 64), (65, 65, 3, 32), (130, 90, 1, 64), (64, 16, 2, 24),
            ] {
                let channels = heads * size
                let layer = try ScaledDotProductAttention("attention", channels: channels, heads: heads)
                let (q, qs) = try input("q", [2, queries, channels], context)
                let (k, ks) = try input("k", [2, keys, channels], context)
                let (v, vs) = try input("v", [2, keys, channels], context)
                var wanted = [Double](repeating: 0, count: 2 * queries * channels)
                for image in 0..<2 {
                    for head in 0..<heads {
                        for query in 0..<queries {
                            let from = (image * queries + query) * channels + head * size
                            let scores = (0..<keys).map { key -> Double in
                                let at = (image * keys + key) * channels + head * size
                                return (0..<size).reduce(0) { $0 + qs[from + $1] * ks[at + $1] }
                                    / Double(size).squareRoot()
                            }
                            let weights = scores.map { exp($0 - (scores.max() ?? 0)) }
                            let sum = weights.reduce(0, +)
                            for (key, weight) in weights.enumerated() {
                                let at = (image * keys + key) * channels + head * size
                                for column in 0..<size { wanted[from + column] += weight / sum * vs[at + column] }
                            }
                        }
                    }
                }
                let result = try context.run { try layer.forward(query: q, key: k, value: v, context) }
                #expect(relativeError(try floats(result), wanted) < tolerance * 2, "\(dtype) \(queries) \(keys)")
            }
        }
    }

    @Test func poolingEqualsItsDefinition() throws {
        for (dtype, tolerance) in dtypes {
            let context = try Context(dtype: dtype)
            for channels in [5, 16, 80] {
                let shape = [2, 9, 8, channels]
                let (x, numbers) = try input("x", shape, context)
                for (kind, stride, padding, counts) in [
                    (Pooling.Kind.max, 2, 0, true), (.max, 1, 1, true), (.average, 1, 1, false), (.average, 1, 1, true),
                    (.average, 2, 0, true),
                ] {
                    let pooling = try Pooling(
                        kind, kernel: 3, stride: stride, padding: padding, countIncludePad: counts)
                    let (rows, columns) = ((9 + 2 * padding - 3) / stride + 1, (8 + 2 * padding - 3) / stride + 1)
                    var wanted: [Double] = []
                    for index in 0..<2 * rows * columns * channels {
                        let (channel, column) = (index % channels, index / channels % columns)
                        let (row, image) = (index / channels / columns % rows, index / channels / columns / rows)
                        var values: [Double] = []
                        for y in row * stride - padding..<row * stride - padding + 3 where y >= 0 && y < 9 {
                            for z in column * stride - padding..<column * stride - padding + 3 where z >= 0 && z < 8 {
                                values.append(numbers[((image * 9 + y) * 8 + z) * channels + channel])
                            }
                        }
                        wanted.append(
                            kind == .max
                                ? values.max() ?? .nan
                                : values.reduce(0, +) / Double(counts ? 9 : values.count))
                    }
                    let result = try pooling.forward(x, context)
                    #expect(relativeError(try floats(result), wanted) < tolerance, "\(dtype) \(kind) \(channels)")
                    let wide = try Tensor.zeros([2, rows, columns, channels + 7], dtype)
                    try pooling.forward(x, into: wide, channel: 3)
                    let slice = try floats(wide)
                    let narrow = try floats(result)
                    #expect(
                        narrow.indices.allSatisfy {
                            slice[$0 / channels * (channels + 7) + 3 + $0 % channels] == narrow[$0]
                        })
                }
            }
        }
    }

    @Test func embeddingChecksItsIds() throws {
        let context = try Context(dtype: .f32)
        let scope = ParameterScope()
        let layer = Embedding(scope["e"], count: 7, channels: 3)
        let values = try #require(try fill(scope)["e.weight"])
        let result = try layer.forward(Tensor([Int64(6), 0, 2], shape: [3]), context)
        #expect(try floats(result) == [6, 0, 2].flatMap { values[$0 * 3..<$0 * 3 + 3] })
        for id in [Int64(7), -1, .max] {
            #expect(throws: TensorError.self) { try layer.forward(Tensor([id], shape: [1]), context) }
        }
    }

    @Test func aForwardPassReusesItsMemory() throws {
        let context = try Context(dtype: .f32)
        let scope = ParameterScope()
        let layers = (0..<3).map { Linear(scope["l\($0)"], inputs: 64, outputs: 64, activation: .gelu) }
        try fill(scope)
        let (x, _) = try input("x", [100, 64], context)
        func pass() throws -> Tensor { try layers.reduce(x) { try $1.forward($0, context) } }
        let first = try floats(pass())
        _ = try pass()
        let addresses = Set(try (0..<5).map { _ in try pass().pointer })
        #expect(addresses.count <= 2)
        #expect(try floats(pass()) == first)
    }

    @Test func loadingIsStrict() throws {
        let scratch = try Scratch()
        func load(_ tensors: [(name: String, tensor: Tensor)]) throws {
            let path = scratch.path + "/weights.safetensors"
            try SafeTensors.write(path, tensors, metadata: [:])
            let scope = ParameterScope()
            _ = Linear(scope["l"], inputs: 2, outputs: 3)
            try scope.load(Checkpoint.open(path))
        }
        let weight = (name: "l.weight", tensor: try Tensor.zeros([3, 2]))
        let bias = (name: "l.bias", tensor: try Tensor.zeros([3]))
        try load([weight, bias])
        #expect(throws: CheckpointError.self) { try load([weight]) }
        #expect(throws: CheckpointError.self) { try load([weight, bias, (name: "x", tensor: bias.tensor)]) }
        #expect(throws: CheckpointError.self) { try load([weight, (name: "l.bias", tensor: weight.tensor)]) }
        #expect(throws: TensorError.self) { try load([weight, (name: "l.bias", tensor: Tensor.zeros([3], .i64))]) }
    }

    @Test func aPoolOfContextsPassesErrorsOn() throws {
        struct Wrong: Error {}
        let pool = try ContextPool(dtype: .f32)
        #expect(throws: Wrong.self) { try pool.forEach(10) { index, _ in if index == 3 { throw Wrong() } } }
        let results = try Tensor.zeros([50])
        try pool.forEach(50) { index, context in
            results.pointer.assumingMemoryBound(to: Float.self)[index] = Float(
                try context.tensor([index + 1], .f32).count)
        }
        #expect(try results.array(Float.self) == (1...50).map(Float.init))
    }
}
