import Checkpoints
import Engine
import EngineCPU
import Foundation
import Tensors
import TestSupport
import Testing

@Suite struct LayerTests {
    @Test func linearEqualsItsDefinitionWithEveryActivation() throws {
        let activations: [(Activation, (Double) -> Double)] = [
            (.none, { $0 }), (.relu, { max(0, $0) }), (.gelu, { $0 * 0.5 * (1 + erf($0 / 2.0.squareRoot())) }),
            (.geluTanh, { 0.5 * $0 * (1 + tanh((2 / Double.pi).squareRoot() * ($0 + 0.044715 * $0 * $0 * $0))) }),
            (.quickGelu, { $0 / (1 + exp(-1.702 * $0)) }), (.silu, { $0 / (1 + exp(-$0)) }),
            (.tanh, { tanh($0) }),
        ]
        for (dtype, tolerance) in dtypes {
            let execution = try CPUExecution(dtype: dtype)
            for (activation, function) in activations {
                let scope = ParameterScope()
                let layer = Linear(scope["l"], inputs: 70, outputs: 45)
                let values = try fill(scope)
                let (x, numbers) = try input("x", [3, 7, 70], execution)
                let (weight, bias) = (try #require(values["l.weight"]), try #require(values["l.bias"]))
                var wanted: [Double] = []
                for row in 0..<21 {
                    for output in 0..<45 {
                        var sum = Double(bias[output])
                        for k in 0..<70 { sum += numbers[row * 70 + k] * Double(weight[output * 70 + k]) }
                        wanted.append(function(sum))
                    }
                }
                let result = try execution.run { try execution.linear(layer, x, Epilogue(activation: activation)) }
                #expect(result.shape == [3, 7, 45])
                #expect(relativeError(try floats(result), wanted) < tolerance * 2, "\(dtype) \(activation)")
            }
        }
    }

    @Test func layerNormAndGroupNormEqualTheirDefinition() throws {
        for (dtype, tolerance) in dtypes {
            let execution = try CPUExecution(dtype: dtype)
            for channels in [16, 40, 96] {
                let scope = ParameterScope()
                let layer = LayerNorm(scope["n"], channels: channels, epsilon: 1e-6)
                let grouped = try GroupNorm(scope["g"], groups: 4, channels: channels)
                let values = try fill(scope)
                let (x, numbers) = try input("x", [2, 9, channels], execution)
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
                #expect(relativeError(try floats(execution.norm(layer, x)), wanted) < tolerance)
                for unit in 0..<8 {
                    let width = channels / 4
                    let members = (0..<9 * width).map { member in
                        (unit / 4 * 9 + member / width) * channels + unit % 4 * width + member % width
                    }
                    for (index, value) in normed("g", 1e-5, members) { wanted[index] = value / (1 + exp(-value)) }
                }
                #expect(
                    relativeError(try floats(execution.norm(grouped, x, Epilogue(activation: .silu))), wanted)
                        < tolerance)
            }
        }
    }

    @Test func attentionEqualsItsDefinitionAcrossTiles() throws {
        for (dtype, tolerance) in dtypes {
            let execution = try CPUExecution(dtype: dtype)
            for (queries, keys, heads, size) in [
                (1, 1, 1, 16), (1, 37, 2, 64), (65, 65, 3, 32), (130, 90, 1, 64), (64, 16, 2, 24),
            ] {
                let channels = heads * size
                let layer = try Attention(channels: channels, heads: heads)
                let (q, qs) = try input("q", [2, queries, channels], execution)
                let (k, ks) = try input("k", [2, keys, channels], execution)
                let (v, vs) = try input("v", [2, keys, channels], execution)
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
                let result = try execution.run { try execution.attention(layer, query: q, key: k, value: v) }
                #expect(relativeError(try floats(result), wanted) < tolerance * 2, "\(dtype) \(queries) \(keys)")
            }
        }
    }

    @Test func poolingEqualsItsDefinition() throws {
        for (dtype, tolerance) in dtypes {
            let execution = try CPUExecution(dtype: dtype)
            for channels in [5, 16, 80] {
                let shape = [2, 9, 8, channels]
                let (x, numbers) = try input("x", shape, execution)
                for (kind, stride, padding, counts) in [
                    (Pooling.Kind.max, 2, 0, true), (.max, 1, 1, true), (.average, 1, 1, false), (.average, 1, 1, true),
                    (.average, 2, 0, true),
                ] {
                    let pooling = try Pooling(
                        kind, kernel: 3, stride: stride, padding: padding, countsPadding: counts)
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
                    let result = try execution.pool(pooling, x)
                    #expect(relativeError(try floats(result), wanted) < tolerance, "\(dtype) \(kind) \(channels)")
                }
            }
        }
    }

    /// Maxima of bfloat16 are those of whole numbers made from its bits.
    @Test func maximaOfEveryKindOfNumber() throws {
        let pool = try Pooling(.max, kernel: 2, stride: 2)
        let columns: [[Float]] = [
            [-1, -2, -3, -0.5], [-.infinity, -.infinity, -.infinity, -.infinity],
            [-.infinity, -1e38, -.infinity, -3e38],
            [1, .nan, 2, 3], [1, -.nan, .infinity, 3], [0, -1, -0.0, -5], [0x1p-140, 0, -1, 0],
            [.infinity, 3e38, 0, 1],
        ]
        for dtype in [DType.f32, .bf16] {
            for channels in [8, 16, 80] {
                var numbers: [Float] = []
                for pixel in 0..<4 { numbers += (0..<channels).map { columns[$0 % 8][pixel] } }
                let execution = try CPUExecution(dtype: dtype)
                let x = try Tensor(numbers, shape: [1, 2, 2, channels]).to(dtype)
                let found = try floats(execution.pool(pool, x))
                let values = try floats(x)
                for channel in 0..<channels {
                    let members = (0..<4).map { values[$0 * channels + channel] }
                    let wanted = members.contains(where: \.isNaN) ? .nan : members.max() ?? .nan
                    let own = found[channel]
                    #expect(own == wanted || (own.isNaN && wanted.isNaN), "\(dtype) \(channels) \(channel): \(own)")
                }
            }
        }
    }

    @Test func embeddingChecksItsIds() throws {
        let execution = try CPUExecution(dtype: .f32)
        let scope = ParameterScope()
        let layer = Embedding(scope["e"], count: 7, channels: 3)
        let values = try #require(try fill(scope)["e.weight"])
        let result = try execution.embedding(layer, Tensor([Int64(6), 0, 2], shape: [3]))
        #expect(try floats(result) == [6, 0, 2].flatMap { values[$0 * 3..<$0 * 3 + 3] })
        for id in [Int64(7), -1, .max] {
            #expect(throws: TensorError.self) { try execution.embedding(layer, Tensor([id], shape: [1])) }
        }
    }

    @Test func aForwardPassReusesItsMemory() throws {
        let execution = try CPUExecution(dtype: .f32)
        let scope = ParameterScope()
        let layers = (0..<3).map { Linear(scope["l\($0)"], inputs: 64, outputs: 64) }
        try fill(scope)
        let (x, _) = try input("x", [100, 64], execution)
        func pass() throws -> Tensor {
            try layers.reduce(x) { try execution.linear($1, $0, Epilogue(activation: .gelu)) }
        }
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
        // Named with its file.
        let error = message { try load([weight, (name: "l.bias", tensor: Tensor.zeros([3], .i64))]) }
        #expect(error.contains("weights.safetensors: tensor \"l.bias\": wanted floating values, got i64"), "\(error)")
    }

    @Test func anExecutorPassesErrorsOnAndGathersRows() throws {
        struct Wrong: Error {}
        let executor = try CPUExecutor(dtype: .f32)
        for schedule in [Schedule.pieces(atMost: 3), .pieces(atMost: 1), .spread, .fitted] {
            #expect(throws: Wrong.self) {
                try executor.map(10, schedule) { _, rows -> [Tensor] in
                    if rows.contains(3) { throw Wrong() }
                    return []
                }
            }
            let results = try executor.map(50, schedule) { execution, rows -> [Tensor] in
                let values = rows.flatMap { [Float($0), Float(-$0)] }
                return try [
                    execution.value(Tensor(values, shape: [rows.count, 2])),
                    Tensor(rows.map { Int64($0) }, shape: [rows.count]),
                ]
            }
            #expect(try results[0].array(Float.self) == (0..<50).flatMap { [Float($0), Float(-$0)] })
            #expect(try results[1].array(Int64.self) == (0..<50).map { Int64($0) })
            #expect(try executor.map(0, schedule) { _, _ -> [Tensor] in [] }.isEmpty)
        }
    }
}
