import Checkpoints
import Engine
import EngineCPU
import Foundation
import Recording
import Tensors
import TestSupport
import Testing

/// Every gradient beside PyTorch's in f64, which its own finite differences confirm: Tests/Parity/generators/training_gradients.py.
@Suite struct GradientParityTests {
    private static let expected = Result { () -> Checkpoint in
        try Checkpoint.open(Places.fixtures("training/gradients.safetensors"))
    }

    /// A value that the formula gives, as a leaf whose gradient gathers.
    private struct Leaf {
        let name: String
        let shape: [Int]
        var limit: Float = 1
    }

    private func check(
        _ name: String, _ leaves: [Leaf], _ scope: ParameterScope = ParameterScope(), isLoss: Bool = false,
        after: [String] = [], _ forward: (Recorder, [Variable]) throws -> Variable
    ) throws {
        let expected = try Self.expected.get()
        func error(_ key: String, _ found: Tensor) throws -> Double {
            relativeError(try found.array(Float.self), try expected["\(name)/\(key)"].array(Double.self))
        }
        if !scope.parameters.isEmpty { try fill(scope) }
        let parameters = try ParameterSet(scope)
        // Twice: the second pass runs on cached primitives and buffers that were used before.
        for pass in 1...2 {
            let recorder = try Recorder(parameters, execution: CPUExecution(dtype: .f32, threads: 2))
            let inputs = try leaves.map { leaf in
                try recorder.variable(
                    Tensor(uniform(leaf.name, leaf.shape, -leaf.limit, leaf.limit), shape: leaf.shape),
                    requiresGradient: true)
            }
            let made = try forward(recorder, inputs)
            parameters.zeroGradients()
            if isLoss {
                #expect(try error("result", Tensor([Float(made.item())], shape: [1])) < 1e-6, "\(name)")
                try recorder.backward(made)
            } else {
                let row = try recorder.reshape(made, [made.count])
                #expect(try error("result", row.tensor()) < 2e-6, "\(name)")
                try recorder.backward(row, gradient: Tensor(uniform("direction", row.shape), shape: row.shape))
            }
            for (leaf, input) in zip(leaves, inputs) {
                let off = try error("grad/\(leaf.name)", #require(try input.gradient()))
                #expect(off < 1e-5, "\(name), \(leaf.name), pass \(pass): \(off)")
            }
            for parameter in parameters.trained {
                let off = try error("grad/\(parameter.name)", #require(try parameter.gradient()))
                #expect(off < 1e-5, "\(name), \(parameter.name), pass \(pass): \(off)")
            }
            if pass == 1 {
                for statistic in after {
                    let value = try #require(parameters.values().first { $0.name == statistic }).tensor
                    #expect(try error("after/\(statistic)", value) < 1e-6, "\(name), \(statistic)")
                }
            }
        }
    }

    private func images(_ channels: Int = 12) -> Leaf { Leaf(name: "x", shape: [2, 5, 5, channels]) }

    @Test func convolutionsWithNorms() throws {
        for (name, inputs, outputs) in [("blocked", 16, 32), ("residual", 16, 32), ("planar", 3, 16), ("plain", 5, 7)] {
            let scope = ParameterScope()
            let layer = Convolution2D(
                scope["c"], inputs: inputs, outputs: outputs, kernel: (3, 3), stride: (2, 2), padding: (1, 1),
                hasBias: false, batchNorm: BatchNorm2D(scope["bn"], channels: outputs))
            var leaves = [Leaf(name: "x", shape: [2, 6, 6, inputs])]
            if name == "residual" { leaves.append(Leaf(name: "r", shape: [2, 3, 3, outputs])) }
            try check(name, leaves, scope, after: ["bn.running_mean", "bn.running_var"]) { recorder, x in
                try recorder.convolution(
                    layer, x[0], Epilogue(residual: x.count > 1 ? .kept(x[1]) : nil, activation: .relu))
            }
        }
        let scope = ParameterScope()
        let layer = Convolution2D(scope["c"], inputs: 16, outputs: 16, kernel: (1, 1))
        try check("biased", [Leaf(name: "x", shape: [2, 5, 4, 16])], scope) {
            try $0.convolution(layer, $1[0], Epilogue(activation: .silu))
        }
    }

    @Test func linearLayersAndNorms() throws {
        var scope = ParameterScope()
        let linear = Linear(scope["l"], inputs: 12, outputs: 9)
        try check("linear", [images()], scope) { try $0.linear(linear, $1[0], Epilogue(activation: .gelu)) }
        scope = ParameterScope()
        let norm = LayerNorm(scope["n"], channels: 12)
        try check("layer norm", [images()], scope) { try $0.norm(norm, $1[0]) }
        scope = ParameterScope()
        let grouped = try GroupNorm(scope["g"], groups: 3, channels: 12)
        try check("group norm", [images()], scope) { try $0.norm(grouped, $1[0], Epilogue(activation: .silu)) }
    }

    @Test func poolingAndActivations() throws {
        for (name, kind) in [("max", Pooling.Kind.max), ("average", .average)] {
            let pool = try Pooling(kind, kernel: 3, stride: 2, padding: 1)
            try check(name, [images()]) { try $0.pool(pool, $1[0]) }
        }
        try check("global", [images()]) { try $0.globalAverage($1[0]) }
        let row = Leaf(name: "x", shape: [2, 40], limit: 3)
        let kinds: [(String, Activation)] = [
            ("relu", .relu), ("gelu", .gelu), ("silu", .silu), ("geluTanh", .geluTanh), ("quickGelu", .quickGelu),
            ("tanh", .tanh),
        ]
        for (name, kind) in kinds { try check(name, [row]) { try $0.activation(kind, $1[0]) } }
        try check("sigmoid", [row]) { try $0.sigmoid($1[0]) }
    }

    @Test func attentionAndEmbedding() throws {
        func leaf(_ name: String, _ shape: [Int]) -> Leaf { Leaf(name: name, shape: shape) }
        let layer = try Attention(channels: 8, heads: 2)
        try check("attention", [leaf("q", [2, 7, 8]), leaf("k", [2, 5, 8]), leaf("v", [2, 5, 8])]) {
            try $0.attention(layer, query: $1[0], key: $1[1], value: $1[2])
        }
        try check("self-attention", [leaf("x", [2, 7, 8])]) {
            try $0.attention(layer, query: $1[0], key: $1[0], value: $1[0])
        }
        let causal = try Attention(channels: 8, heads: 2)
        try check("causal attention", [leaf("q", [1, 6, 8]), leaf("k", [1, 6, 8]), leaf("v", [1, 6, 8])]) {
            try $0.attention(causal, query: $1[0], key: $1[1], value: $1[2], mask: .causal)
        }
        let scope = ParameterScope()
        let table = Embedding(scope["e"], count: 5, channels: 6)
        let ids = try Tensor([3, 0, 3, 1, 4, 3] as [Int64], shape: [2, 3])
        try check("embedding", [], scope) { recorder, _ in try recorder.embedding(table, ids) }
        let recorder = try Recorder(ParameterSet(scope), execution: CPUExecution(dtype: .f32))
        #expect(throws: TensorError.self) { try recorder.embedding(table, Tensor([5] as [Int64], shape: [1])) }
    }

    @Test func losses() throws {
        let logits = Leaf(name: "x", shape: [4, 6], limit: 4)
        let values = uniform("targets", [4, 6], 0, 1)
        let targets = try Tensor(values, shape: [4, 6])
        try check("binary cross entropy", [logits], isLoss: true) {
            try $0.binaryCrossEntropyWithLogits($1[0], targets)
        }
        let masked = try Tensor(
            values.enumerated().map { $0.offset % 3 == 0 ? .nan : $0.element }, shape: [4, 6])
        try check("masked binary cross entropy", [logits], isLoss: true) {
            try $0.binaryCrossEntropyWithLogits($1[0], masked)
        }
        let classes = try Tensor([5, 0, 2, 2] as [Int64], shape: [4])
        try check("cross entropy", [logits], isLoss: true) { try $0.crossEntropy($1[0], classes) }
    }

    /// Attention over more queries than are worked on together.
    @Test func longAttentionEqualsItsParts() throws {
        let layer = try Attention(channels: 4, heads: 1)
        let parameters = try ParameterSet(ParameterScope())
        func gradients(_ rows: Range<Int>) throws -> [Tensor] {
            let recorder = try Recorder(parameters, execution: CPUExecution(dtype: .f32))
            let leaves = try [("q", rows), ("k", 0..<300), ("v", 0..<300)].map { name, rows in
                try recorder.variable(
                    Tensor(uniform(name, [1, 300, 4]), shape: [1, 300, 4]).narrow(1, rows.lowerBound, rows.count),
                    requiresGradient: true)
            }
            let result = try recorder.attention(layer, query: leaves[0], key: leaves[1], value: leaves[2])
            let direction = try Tensor(uniform("direction", [1, 300, 4]), shape: [1, 300, 4])
                .narrow(1, rows.lowerBound, rows.count).contiguous()
            try recorder.backward(result, gradient: direction)
            return try leaves.map { try #require(try $0.gradient()) }
        }
        let (whole, first, second) = (try gradients(0..<300), try gradients(0..<200), try gradients(200..<300))
        for index in 1...2 {
            let parts = zip(try first[index].array(Float.self), try second[index].array(Float.self)).map {
                Double($0) + Double($1)
            }
            #expect(relativeError(try whole[index].array(Float.self), parts) < 1e-5)
        }
        let queries = try (first[0].array(Float.self) + second[0].array(Float.self)).map { Double($0) }
        #expect(relativeError(try whole[0].array(Float.self), queries) < 1e-5)
    }
}
