import NeuralNet
import Tensors

/// Two convolutions around a residual, as diffusers' `ResnetBlock2D`: each follows a group normalisation with SiLU; the
/// timestep's embedding is added between them. Activations are f32 `[N, H, W, C]`.
final class ResidualBlock {
    private let norm1: GroupNorm
    private let conv1: SpatialConvolution
    private let timeProjection: Linear?
    private let norm2: GroupNorm
    private let conv2: SpatialConvolution
    private let shortcut: Linear?

    /// - Parameter timeWidth: channels of the timestep's embedding; nil where there is none.
    init(
        _ scope: ParameterScope, inputs: Int, outputs: Int, timeWidth: Int?, groups: Int, epsilon: Double
    ) throws {
        norm1 = try GroupNorm(
            scope["norm1"], groups: groups, channels: inputs, epsilon: epsilon, activation: .silu)
        conv1 = SpatialConvolution(scope["conv1"], inputs: inputs, outputs: outputs)
        timeProjection = timeWidth.map {
            Linear(scope["time_emb_proj"], inputs: $0, outputs: outputs, result: .f32)
        }
        norm2 = try GroupNorm(
            scope["norm2"], groups: groups, channels: outputs, epsilon: epsilon, activation: .silu)
        conv2 = SpatialConvolution(scope["conv2"], inputs: outputs, outputs: outputs)
        shortcut =
            inputs == outputs ? nil : Linear(scope["conv_shortcut"], inputs: inputs, outputs: outputs, result: .f32)
    }

    /// - Parameters:
    ///   - time: the activated embedding of the timestep, `[1, timeWidth]` in the context's dtype.
    ///   - consumes: whether the result may take the memory of `x`.
    func forward(_ x: Tensor, time: Tensor? = nil, consumes: Bool = false, _ context: Context) throws -> Tensor {
        var summand: Tensor?
        if let time, let timeProjection {
            let row = try timeProjection.forward(time, context)
            summand = try row.reshaped([row.count])
        }
        let inner = try conv1.forward(x, .init(norm: norm1, summand: summand), context)
        let residual = try shortcut.map { try $0.forward(context.converted(x, context.dtype), context) }
        return try conv2.forward(
            inner,
            .init(norm: norm2, residual: residual ?? x, consumesResidual: consumes || residual != nil), context)
    }
}

/// Halves images by a 3 × 3 convolution with stride 2.
final class Downsampler {
    private let convolution: Convolution2D

    /// - Parameter padsAround: whether zeros lie on all sides; else below and on the right only.
    init(_ scope: ParameterScope, channels: Int, padsAround: Bool) {
        convolution = Convolution2D(
            scope["conv"], inputs: channels, outputs: channels, kernel: (3, 3), stride: (2, 2),
            padding: padsAround ? (1, 1) : (0, 0), paddingAfter: (1, 1), result: .f32)
    }

    func forward(_ x: Tensor, _ context: Context) throws -> Tensor {
        try convolution.forward(context.converted(x, context.dtype), context)
    }
}

/// Enlarges images to the nearest neighbour and convolves them.
final class Upsampler {
    private let convolution: SpatialConvolution

    init(_ scope: ParameterScope, channels: Int) {
        convolution = SpatialConvolution(scope["conv"], inputs: channels, outputs: channels)
    }

    func forward(_ x: Tensor, to size: (height: Int, width: Int), _ context: Context) throws -> Tensor {
        try convolution.forward(x, .init(size: size), context)
    }
}
