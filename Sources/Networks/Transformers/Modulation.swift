import Engine
import Tensors

/// The timestep's share in all blocks of a transformer: diffusers' `AdaLayerNormSingle` (PixArt-α, Chen et al., 2023).
final class SingleModulation {
    private let waves = TimestepWaves(channels: 256)
    private let embedder: TimestepEmbedding
    private let linear: Linear

    init(_ scope: ParameterScope, width: Int) {
        embedder = TimestepEmbedding(scope["emb"]["timestep_embedder"], inputs: waves.channels, width: width)
        linear = Linear(scope["linear"], inputs: width, outputs: 6 * width)
    }

    /// The embedding of a timestep, f32 `[1, width]`, and what all blocks share of their modulation, f32 `[1, 6 · width]`.
    func forward<E: Execution>(_ timestep: Float, on execution: E) throws -> (embedded: E.Value, shared: E.Value) {
        let row = try execution.value(waves.row(timestep))
        let embedded = try embedder.forward(row, Epilogue(result: .f32), on: execution)
        let shared = try execution.linear(linear, execution.activation(.silu, embedded), Epilogue(result: .f32))
        return (embedded, shared)
    }
}

/// A block's own part of a modulation: a parameter `scale_shift_table` `[parts, width]`.
final class ModulationTable {
    private let table: Parameter
    private let parts, width: Int

    init(_ scope: ParameterScope, parts: Int, width: Int) {
        table = scope.parameter("scale_shift_table", [parts, width])
        (self.parts, self.width) = (parts, width)
    }

    /// The parts, each f32 `[1, width]`, with `shared` `[1, width]` or `[1, parts · width]` added.
    func parts<E: Execution>(_ shared: E.Value, on execution: E) throws -> [E.Value] {
        let isRepeated = shared.shape[1] == width
        let repeated =
            isRepeated ? try execution.concatenate([E.Value](repeating: shared, count: parts), axis: 1) : shared
        let own = try execution.reshape(execution.parameter(table), [1, parts * width])
        let sum = try execution.add(repeated, own)
        return try (0..<parts).map { try execution.narrow(sum, axis: 1, $0 * width..<($0 + 1) * width) }
    }
}

extension Execution {
    /// Layer normalisation, then x · (1 + scale) + shift with rows `[1 or N, C]` (adaLN, Peebles and Xie, 2023).
    func norm(_ layer: LayerNorm, _ x: Value, scale: Value, shift: Value) throws -> Value {
        let factor = try affine(scale, factor: 1, summand: 1)
        return try norm(layer, x, Epilogue(scale: .given(factor), summand: shift))
    }
}
