import Engine
import Tensors

/// Llama (Touvron et al., 2023) as transformers' `LlamaForCausalLM` computes it. The residual stream is f32 in both dtypes.
public final class LlamaNetwork: ConfiguredCausalNetwork {
    /// The sizes.
    public let configuration: LlamaConfiguration
    /// Every parameter, under transformers' names.
    public let parameters: ParameterScope
    private let stack: CausalStack<LlamaLayer>
    private let norm: RMSNorm

    /// The network without weights; fill `parameters` before the first pass.
    public init(_ configuration: LlamaConfiguration) throws {
        let (root, width) = (ParameterScope(), configuration.hiddenSize)
        let scope = root["model"]
        self.configuration = configuration
        parameters = root
        let tokens = Embedding(scope["embed_tokens"], count: configuration.vocabularySize, channels: width)
        let layers = try (0..<configuration.layers).map { try LlamaLayer(scope["layers"][$0], configuration) }
        norm = RMSNorm(scope["norm"], channels: width, epsilon: configuration.epsilon)
        stack = CausalStack(
            tokens: tokens, rotary: try Rotary(headSize: configuration.headSize),
            rotaryBase: configuration.rotaryBase, layers: layers,
            head: configuration.isTied
                ? nil
                : Linear(
                    root["lm_head"], inputs: width, outputs: configuration.vocabularySize, hasBias: false,
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

/// A layer of Llama: attention and a gated feed-forward part, each behind a normalisation.
private final class LlamaLayer: CausalLayer {
    private let before, beforeMLP: RMSNorm
    private let query, key, value, output: Linear
    private let attention: Attention
    private let feedForward: GatedFeedForward

    init(_ scope: ParameterScope, _ configuration: LlamaConfiguration) throws {
        let (width, inner) = (configuration.hiddenSize, configuration.heads * configuration.headSize)
        let (own, keys) = (scope["self_attn"], configuration.keyHeads * configuration.headSize)
        func projection(_ name: String, _ inputs: Int, _ outputs: Int) -> Linear {
            Linear(
                own[name], inputs: inputs, outputs: outputs, hasBias: configuration.hasAttentionBias, takesFewRows: true
            )
        }
        query = projection("q_proj", width, inner)
        key = projection("k_proj", width, keys)
        value = projection("v_proj", width, keys)
        output = projection("o_proj", inner, width)
        attention = try Attention(channels: inner, heads: configuration.heads, keyHeads: configuration.keyHeads)
        feedForward = GatedFeedForward(
            scope["mlp"], width: width, inner: configuration.mlpSize, configuration.activation,
            hasBias: configuration.hasMLPBias, takesFewRows: true)
        before = RMSNorm(scope["input_layernorm"], channels: width, epsilon: configuration.epsilon)
        beforeMLP = RMSNorm(scope["post_attention_layernorm"], channels: width, epsilon: configuration.epsilon)
    }

    /// See `CausalLayer`.
    func forward<E: Execution>(
        _ x: E.Value, _ passage: Passage<E>, _ index: Int, _ rotary: Rotary, _ angles: E.Value, on execution: E
    ) throws -> E.Value {
        func wanted(_ x: E.Value, axis: Int = 1) throws -> E.Value {
            try passage.wanted(x, axis: axis, of: index, on: execution)
        }
        let input = try execution.norm(before, x)
        let attended = try passage.attention(
            attention, index,
            query: execution.rotary(
                rotary, execution.linear(query, wanted(input)), table: wanted(angles, axis: 0)),
            key: execution.rotary(rotary, execution.linear(key, input), table: angles),
            value: execution.linear(value, input), on: execution)
        let middle = try execution.linear(output, attended, Epilogue(residual: .given(wanted(x)), result: .f32))
        let normalised = try execution.norm(beforeMLP, middle)
        return try feedForward.forward(
            normalised, Epilogue(residual: .given(middle), result: .f32), on: execution)
    }
}
