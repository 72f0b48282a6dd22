import Engine
import Foundation
import Tensors

/// A number as sines and cosines (Vaswani et al., 2017), as diffusers' `Timesteps` makes them of a timestep.
struct TimestepWaves {
    /// Sines and cosines together.
    let channels: Int
    /// Whether the cosines come first.
    var cosinesFirst = true
    /// Is taken from the number of frequencies.
    var frequencyShift = 0.0

    /// f32 `[1, channels]`.
    func row(_ timestep: Float) throws -> Tensor {
        let half = channels / 2
        let step = -log(Float(10_000)) / (Float(half) - Float(frequencyShift))
        let angles = (0..<half).map { timestep * exp(Float($0) * step) }
        let sines = angles.map { sin($0) }
        let cosines = angles.map { cos($0) }
        return try Tensor(cosinesFirst ? cosines + sines : sines + cosines, shape: [1, 2 * half])
    }
}

/// Two linear layers with SiLU between: diffusers' `TimestepEmbedding`.
final class TimestepEmbedding {
    private let linear1, linear2: Linear

    init(_ scope: ParameterScope, inputs: Int, width: Int) {
        linear1 = Linear(scope["linear_1"], inputs: inputs, outputs: width)
        linear2 = Linear(scope["linear_2"], inputs: width, outputs: width)
    }

    /// `[N, width]` for `[N, inputs]`.
    func forward<E: Execution>(_ x: E.Value, _ epilogue: Epilogue<E.Value>, on execution: E) throws -> E.Value {
        let hidden = try execution.linear(linear1, x, Epilogue(activation: .silu))
        return try execution.linear(linear2, hidden, epilogue)
    }
}
