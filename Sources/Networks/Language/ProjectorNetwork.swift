import Engine

/// What makes an image's states tokens of a language model (Liu et al., 2023, LLaVA-1.5): linear layers with GELU between them,
/// under LLaVA's names.
public final class ProjectorNetwork {
    /// Every parameter: `0.weight`, `0.bias`, `2.weight` and on.
    public let parameters = ParameterScope()
    private let layers: [Linear]

    /// Without weights.
    /// - Parameter depth: the linear layers, 2 in LLaVA-1.5.
    public init(inputs: Int, outputs: Int, depth: Int) {
        // PyTorch counts the activations between them.
        layers = (0..<depth).map { [parameters] in
            Linear(parameters[$0 * 2], inputs: $0 == 0 ? inputs : outputs, outputs: outputs)
        }
    }

    /// f32 `[N, T, outputs]` of states `[N, T, inputs]`.
    public func forward<E: Execution>(_ x: E.Value, on execution: E) throws -> E.Value {
        var x = x
        for layer in layers.dropLast() { x = try execution.linear(layer, x, Epilogue(activation: .gelu)) }
        guard let last = layers.last else { return x }
        return try execution.linear(last, x, Epilogue(result: .f32))
    }
}
