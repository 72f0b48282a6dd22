import Engine
import Tensors

/// A timestep, a vector of each text and, in some models, a guidance scale as one vector: diffusers'
/// `CombinedTimestepTextProjEmbeddings` and `CombinedTimestepGuidanceTextProjEmbeddings`.
final class PooledConditioning {
    private let waves = TimestepWaves(channels: 256)
    private let time, text: TimestepEmbedding
    private let guidance: TimestepEmbedding?

    init(_ scope: ParameterScope, width: Int, pooledWidth: Int, hasGuidance: Bool = false) {
        time = TimestepEmbedding(scope["timestep_embedder"], inputs: waves.channels, width: width)
        guidance =
            hasGuidance ? TimestepEmbedding(scope["guidance_embedder"], inputs: waves.channels, width: width) : nil
        text = TimestepEmbedding(scope["text_embedder"], inputs: pooledWidth, width: width)
    }

    /// f32 `[N, width]` of pooled vectors `[N, pooledWidth]`, through SiLU, as all modulations take it.
    /// - Parameter scale: the guidance scale, in the unit of the timestep; models without one do not look at it.
    func forward<E: Execution>(
        timestep: Float, guidance scale: Float? = nil, pooled: E.Value, on execution: E
    ) throws -> E.Value {
        var sum = try text.forward(pooled, Epilogue(result: .f32), on: execution)
        func wave(_ number: Float, _ embedding: TimestepEmbedding) throws -> E.Value {
            try embedding.forward(execution.value(waves.row(number)), Epilogue(result: .f32), on: execution)
        }
        sum = try execution.add(sum, wave(timestep, time))
        if let guidance, let scale { sum = try execution.add(sum, wave(scale, guidance)) }
        return try execution.activation(.silu, sum)
    }
}

/// A block's own linear layer from the conditioning to its shifts, scales and gates: diffusers' `AdaLayerNormZero` and its
/// kin.
final class AdaptiveModulation {
    private let linear: Linear
    private let count: Int

    /// - Parameter parts: how many vectors it gives.
    init(_ scope: ParameterScope, parts: Int, width: Int) {
        linear = Linear(scope["linear"], inputs: width, outputs: parts * width)
        count = parts
    }

    /// The parts in the order of the layer, each f32 `[N, width]`, of a conditioning `[N, width]`.
    func parts<E: Execution>(_ conditioning: E.Value, on execution: E) throws -> [E.Value] {
        let all = try execution.linear(linear, conditioning, Epilogue(result: .f32))
        let width = linear.inputs
        return try (0..<count).map { try execution.narrow(all, axis: 1, $0 * width..<($0 + 1) * width) }
    }
}

/// The last normalisation of a transformer, or that of a text that is only looked at: diffusers' `AdaLayerNormContinuous`,
/// whose scale comes before its shift.
final class AdaptiveNorm {
    private let norm: LayerNorm
    private let modulation: AdaptiveModulation

    init(_ scope: ParameterScope, width: Int) {
        norm = LayerNorm(scope["norm"], channels: width, epsilon: 1e-6, isAffine: false)
        modulation = AdaptiveModulation(scope, parts: 2, width: width)
    }

    /// `[N, T, C]` for the same, in the execution's dtype.
    func forward<E: Execution>(_ x: E.Value, _ conditioning: E.Value, on execution: E) throws -> E.Value {
        let parts = try modulation.parts(conditioning, on: execution)
        return try execution.norm(norm, x, scale: parts[0], shift: parts[1])
    }
}

/// The feed-forward part of a stream of tokens, normalised and modulated before, gated behind.
final class ModulatedFeedForward {
    private let norm: LayerNorm
    private let feedForward: FeedForward

    init(_ scope: ParameterScope, width: Int) {
        norm = LayerNorm(scope["norm"], channels: width, epsilon: 1e-6, isAffine: false)
        feedForward = FeedForward(scope, channels: width, inner: 4 * width, activation: .geluTanh)
    }

    /// f32 `[N, T, C]` for the same, whose memory the result takes.
    /// - Parameter parts: shift, scale and gate, each `[1 or N, C]`.
    func forward<E: Execution>(_ x: E.Value, _ parts: ArraySlice<E.Value>, on execution: E) throws -> E.Value {
        let first = parts.startIndex
        let normalised = try execution.norm(norm, x, scale: parts[first + 1], shift: parts[first])
        return try feedForward.forward(normalised, gate: parts[first + 2], addingTo: x, on: execution)
    }
}
