import Engine
import Tensors

/// Two convolutions around a residual, as diffusers' `ResnetBlock2D`: each follows a group normalisation with SiLU; the
/// timestep's embedding is added between them. Activations are f32 `[N, H, W, C]`.
final class ResidualBlock {
    private let norm1: GroupNorm
    private let conv1: Convolution2D
    private let timeProjection: Linear?
    private let norm2: GroupNorm
    private let conv2: Convolution2D
    private let shortcut: Linear?

    /// - Parameters:
    ///   - timeWidth: channels of the timestep's embedding; nil where there is none.
    ///   - name: what the 1 × 1 convolution beside the two is called, where the channels change.
    init(
        _ scope: ParameterScope, inputs: Int, outputs: Int, timeWidth: Int?, groups: Int, epsilon: Double,
        shortcut name: String = "conv_shortcut"
    ) throws {
        norm1 = try GroupNorm(scope["norm1"], groups: groups, channels: inputs, epsilon: epsilon)
        conv1 = .spatial(scope["conv1"], inputs: inputs, outputs: outputs)
        timeProjection = timeWidth.map { Linear(scope["time_emb_proj"], inputs: $0, outputs: outputs) }
        norm2 = try GroupNorm(scope["norm2"], groups: groups, channels: outputs, epsilon: epsilon)
        conv2 = .spatial(scope["conv2"], inputs: outputs, outputs: outputs)
        shortcut = inputs == outputs ? nil : Linear(scope[name], inputs: inputs, outputs: outputs)
    }

    /// - Parameters:
    ///   - time: the activated embedding of the timestep, `[1, timeWidth]`.
    ///   - consumes: whether the result may take the memory of `x`.
    func forward<E: Execution>(
        _ x: E.Value, time: E.Value? = nil, consumes: Bool = false, on execution: E
    ) throws -> E.Value {
        var summand: E.Value?
        if let time, let timeProjection {
            summand = try execution.linear(timeProjection, time, Epilogue(result: .f32))
        }
        let inner = try execution.convolution(
            conv1, x, Prologue(norm: norm1, activation: .silu), Epilogue(summand: summand, result: .f32))
        var residual = consumes ? Residual.given(x) : .kept(x)
        if let shortcut { residual = .given(try execution.linear(shortcut, x, Epilogue(result: .f32))) }
        return try execution.convolution(
            conv2, inner, Prologue(norm: norm2, activation: .silu), Epilogue(residual: residual, result: .f32))
    }
}

/// Halves images by a 3 × 3 convolution with stride 2.
final class Downsampler {
    private let convolution: Convolution2D

    /// - Parameter padsAround: whether zeros lie on all sides; else below and on the right only.
    init(_ scope: ParameterScope, channels: Int, padsAround: Bool) {
        convolution = Convolution2D(
            scope["conv"], inputs: channels, outputs: channels, kernel: (3, 3), stride: (2, 2),
            padding: padsAround ? (1, 1) : (0, 0), paddingAfter: (1, 1))
    }

    func forward<E: Execution>(_ x: E.Value, on execution: E) throws -> E.Value {
        try execution.convolution(convolution, x, Epilogue(result: .f32))
    }
}

/// Enlarges images to the nearest neighbour and convolves them.
final class Upsampler {
    private let convolution: Convolution2D

    init(_ scope: ParameterScope, channels: Int) {
        convolution = .spatial(scope["conv"], inputs: channels, outputs: channels)
    }

    func forward<E: Execution>(
        _ x: E.Value, to size: (height: Int, width: Int), on execution: E
    ) throws -> E.Value {
        try execution.convolution(convolution, x, Prologue(size: size), Epilogue(result: .f32))
    }
}

extension Convolution2D {
    /// A 3 × 3 convolution with a border of zeros, as generators have them.
    static func spatial(
        _ scope: ParameterScope, inputs: Int, outputs: Int, hasBias: Bool = true
    ) -> Convolution2D {
        Convolution2D(
            scope, inputs: inputs, outputs: outputs, kernel: (3, 3), padding: (1, 1), hasBias: hasBias)
    }
}
