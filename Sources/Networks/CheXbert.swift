import Engine
import Tensors

/// CheXbert (Smit et al., 2020): BERT, and a linear layer for each of fourteen findings over the first token's last state.
public final class CheXbertNetwork {
    /// Every parameter, under the names of the published file without `module.`.
    public let parameters: ParameterScope
    /// The reader of texts.
    public let bert: BERTTextNetwork
    private let heads: [Linear]

    /// Classes of each layer's answer: blank, positive, negative and uncertain; the last has the first two alone.
    public static let classes = [Int](repeating: 4, count: 13) + [2]

    /// The network without weights; fill `parameters` before the first pass.
    public init(_ configuration: BERTTextConfiguration) throws {
        let scope = ParameterScope()
        parameters = scope
        bert = try BERTTextNetwork(configuration, in: scope["bert"])
        heads = Self.classes.enumerated().map {
            Linear(scope["linear_heads"][$0], inputs: configuration.hiddenSize, outputs: $1)
        }
    }

    /// The answers of all layers beside each other, f32 `[N, 54]`, of ids i64 `[N, T]`.
    /// - Parameter padding: i64 `[N, T]`, 0 where no token looks; nil hides none.
    public func forward<E: Execution>(_ ids: Tensor, padding: Tensor? = nil, on execution: E) throws -> E.Value {
        let states = try bert.encode(ids, padding: padding, .last, on: execution).states
        let first = try execution.reshape(execution.narrow(states, axis: 1, 0..<1), [ids.shape[0], bert.width])
        let input = try execution.convert(first, execution.dtype)
        return try execution.concatenate(heads.map { try execution.linear($0, input, Epilogue(result: .f32)) })
    }
}
