import Engine
import Tensors

/// GPT-NeoX (Black et al., 2022) as transformers' `GPTNeoXForCausalLM` computes it. The residual stream is f32 in both dtypes.
public final class GPTNeoXNetwork: ConfiguredCausalNetwork {
    /// The sizes.
    public let configuration: GPTNeoXConfiguration
    /// Every parameter, under transformers' names.
    public let parameters: ParameterScope
    private let stack: CausalStack<GPTNeoXLayer>
    private let norm: LayerNorm

    /// The network without weights; fill `parameters` before the first pass.
    public init(_ configuration: GPTNeoXConfiguration) throws {
        let (root, width) = (ParameterScope(), configuration.hiddenSize)
        let scope = root["gpt_neox"]
        self.configuration = configuration
        parameters = root
        let tokens = Embedding(scope["embed_in"], count: configuration.vocabularySize, channels: width)
        let layers = try (0..<configuration.layers).map { try GPTNeoXLayer(scope["layers"][$0], configuration) }
        norm = LayerNorm(scope["final_layer_norm"], channels: width, epsilon: configuration.epsilon)
        stack = CausalStack(
            tokens: tokens, rotary: try Rotary(headSize: configuration.headSize, rotated: configuration.rotated),
            rotaryBase: configuration.rotaryBase, layers: layers,
            head: configuration.isTied
                ? nil
                : Linear(
                    root["embed_out"], inputs: width, outputs: configuration.vocabularySize, hasBias: false,
                    takesFewRows: true))
    }

    /// Vectors of ids.
    public func embed<E: Execution>(_ ids: Tensor, on execution: E) throws -> E.Value {
        try stack.embed(ids, on: execution)
    }

    /// The states behind the last normalisation; see `CausalNetwork`.
    public func states<E: Execution>(_ x: E.Value, _ passage: Passage<E>, on execution: E) throws -> E.Value {
        try execution.norm(norm, stack.states(x, passage, on: execution), Epilogue(result: .f32))
    }

    /// Scores of states.
    public func logits<E: Execution>(_ states: E.Value, on execution: E) throws -> E.Value {
        try stack.logits(states, on: execution)
    }
}

/// A layer of GPT-NeoX: attention and a feed-forward part, which read the same or follow each other.
private final class GPTNeoXLayer: CausalLayer {
    private let before, beforeMLP: LayerNorm
    private let queryKeyValue, output: Linear
    private let attention: Attention
    private let up, down: Linear
    private let activation: Activation
    private let isParallel: Bool

    init(_ scope: ParameterScope, _ configuration: GPTNeoXConfiguration) throws {
        let (width, own, mlp) = (configuration.hiddenSize, scope["attention"], scope["mlp"])
        before = LayerNorm(scope["input_layernorm"], channels: width, epsilon: configuration.epsilon)
        beforeMLP = LayerNorm(scope["post_attention_layernorm"], channels: width, epsilon: configuration.epsilon)
        queryKeyValue = Linear(
            own["query_key_value"], inputs: width, outputs: 3 * width, hasBias: configuration.hasAttentionBias,
            takesFewRows: true)
        output = Linear(
            own["dense"], inputs: width, outputs: width, hasBias: configuration.hasAttentionBias, takesFewRows: true)
        attention = try Attention(channels: width, heads: configuration.heads)
        up = Linear(mlp["dense_h_to_4h"], inputs: width, outputs: configuration.mlpSize, takesFewRows: true)
        down = Linear(mlp["dense_4h_to_h"], inputs: configuration.mlpSize, outputs: width, takesFewRows: true)
        activation = configuration.activation
        isParallel = configuration.isParallel
    }

    /// f32 `[N, T, C]` for the same.
    func forward<E: Execution>(
        _ x: E.Value, _ passage: Passage<E>, _ index: Int, _ rotary: Rotary, _ angles: E.Value, on execution: E
    ) throws -> E.Value {
        // Each head has its query, key and value side by side.
        let (size, heads) = (attention.headSize, attention.heads)
        let packed = try execution.reshape(
            execution.linear(queryKeyValue, execution.norm(before, x)), [x.shape[0], x.shape[1], heads, 3 * size])
        func part(_ place: Int) throws -> E.Value {
            try execution.reshape(
                execution.narrow(packed, axis: 3, place * size..<(place + 1) * size), x.shape)
        }
        func wanted(_ x: E.Value, axis: Int = 1) throws -> E.Value {
            try passage.wanted(x, axis: axis, of: index, on: execution)
        }
        let attended = try passage.attention(
            attention, index, query: execution.rotary(rotary, wanted(part(0)), table: wanted(angles, axis: 0)),
            key: execution.rotary(rotary, part(1), table: angles), value: part(2), on: execution)
        let own = try wanted(x)
        let normalised = isParallel ? try execution.norm(beforeMLP, own) : nil
        let middle = try execution.linear(output, attended, Epilogue(residual: .given(own), result: .f32))
        let hidden = try execution.linear(
            up, normalised ?? execution.norm(beforeMLP, middle), Epilogue(activation: activation))
        return try execution.linear(down, hidden, Epilogue(residual: .given(middle), result: .f32))
    }
}
