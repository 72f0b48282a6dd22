import Engine
import Foundation
import Networks
import ReferenceExecution
import Tensors
import Testing

/// A network, as a computation.
private enum Network: Computation {
    case dinov2(Dinov2Network)
    case dinov2Tokens(Dinov2Network)
    case inception(InceptionV3Network)
    case classifier(any ClassifierNetwork)

    func run<E: Execution>(_ x: [E.Value], on execution: E) throws -> E.Value {
        switch self {
        case .dinov2(let network): return try network.pooled(x[0], on: execution)
        case .dinov2Tokens(let network): return try network.tokens(x[0], on: execution)
        case .inception(let network):
            let features = try network.features(x[0], on: execution)
            let unbiased = try network.logitsUnbiased(features, on: execution)
            return try execution.concatenate([features, unbiased, network.logits(unbiased: unbiased, on: execution)])
        case .classifier(let network): return try network.forward(x[0], on: execution)
        }
    }

    var parameters: ParameterScope {
        switch self {
        case .dinov2(let network), .dinov2Tokens(let network): return network.parameters
        case .inception(let network): return network.parameters
        case .classifier(let network): return network.parameters
        }
    }
}

/// Every network on the processor, in both dtypes, and on the recorder, with its gradients, beside plain loops in f64.
@Suite struct NetworkTests {
    /// - Parameter every: which of the parameters' gradients are compared: each of so many.
    private func check(
        _ comment: String, _ network: Network, _ shape: [Int], every: Int = 1,
        tolerances: (f32: Double, bf16: Double, gradient: Double) = (1e-5, 2e-2, 1e-4)
    ) throws {
        let comparison = try Comparison(network, [Input("x", shape)], network.parameters)
        for (dtype, tolerance) in [(DType.f32, tolerances.f32), (.bf16, tolerances.bf16)] {
            let error = try comparison.processorError(dtype, threads: 2)
            #expect(error < tolerance, "\(comment), \(dtype): \(error)")
        }
        let (error, of) = try comparison.recorderError(every: every)
        #expect(error < tolerances.gradient, "\(comment), recorder, \(of): \(error)")
    }

    private func dinov2(_ configuration: String) throws -> Dinov2Network {
        let path = NSTemporaryDirectory() + "chexgen-\(UUID().uuidString).json"
        try configuration.write(toFile: path, atomically: true, encoding: .utf8)
        defer { try? FileManager.default.removeItem(atPath: path) }
        return try Dinov2Network(Dinov2Configuration(path: path))
    }

    @Test func dinov2() throws {
        let small = """
            {"model_type": "dinov2", "hidden_size": 48, "num_hidden_layers": 2, "num_attention_heads": 3,
             "image_size": 28, "patch_size": 7}
            """
        try check("dinov2", .dinov2(dinov2(small)), [2, 28, 28, 3])
        try check("dinov2, other sizes", .dinov2Tokens(dinov2(small)), [2, 21, 35, 3])
        let gated = """
            {"model_type": "dinov2", "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 1,
             "image_size": 14, "patch_size": 7, "mlp_ratio": 3, "use_swiglu_ffn": true, "qkv_bias": false}
            """
        try check("gated dinov2", .dinov2Tokens(dinov2(gated)), [1, 14, 14, 3])
    }

    @Test func resNets() throws {
        try check(
            "basic", .classifier(ResNet(depths: [1, 1, 1, 1], isBottleneck: false, classes: 3)), [2, 34, 34, 3],
            every: 5)
        try check(
            "bottleneck", .classifier(ResNet(depths: [2, 1, 1, 1], isBottleneck: true, classes: 3)), [1, 33, 33, 3],
            every: 9)
    }

    @Test func denseNet() throws {
        try check("densenet", .classifier(DenseNet(depths: [2, 1, 2], classes: 4)), [2, 32, 32, 3], every: 7)
    }

    @Test func inceptionV3() throws {
        try check("inception", .inception(InceptionV3Network()), [1, 75, 75, 3], every: 41)
    }
}
