import NetKernels
import Tensors

extension DType {
    /// The kernels' name for this dtype.
    func netType(_ operation: String) throws -> NetType {
        switch self {
        case .f32: return .f32
        case .bf16: return .bf16
        default: throw TensorError.dtype(operation: operation, message: "wanted f32 or bf16, got \(self)")
        }
    }
}

/// Layer normalisation over the last dimension; statistics in f32.
public final class LayerNorm: Module {
    let weight: Parameter
    let bias: Parameter
    let epsilon: Double
    private let values = OnceCache<Int, (weight: [Float], bias: [Float])>()

    /// Parameters `weight` and `bias`, each `[channels]`.
    public init(_ scope: ParameterScope, channels: Int, epsilon: Double = 1e-5) {
        weight = scope.parameter("weight", [channels])
        bias = scope.parameter("bias", [channels])
        self.epsilon = epsilon
    }

    /// The normalised values of `[…, channels]`, in the context's dtype. The input is f32 or bf16.
    public func forward(_ x: Tensor, _ context: Context) throws -> Tensor {
        try forward(x, result: context.dtype, context)
    }

    /// As `forward`, in the dtype `result`.
    public func forward(_ x: Tensor, result: DType, _ context: Context) throws -> Tensor {
        let channels = weight.shape[0]
        guard x.shape.last == channels, x.isContiguous else {
            throw TensorError.shape(
                operation: weight.name, message: "wanted […, \(channels)], got \(Tensor.text(x.shape))")
        }
        let source = try x.dtype.netType(weight.name)
        let target = try context.tensor(x.shape, result)
        let targetType = try result.netType(weight.name)
        let ready = try values.value(0) { (try weight.floats(), try bias.floats()) }
        ready.weight.withUnsafeBufferPointer { weight in
            ready.bias.withUnsafeBufferPointer { bias in
                NetNormalization.layerNorm(
                    x.pointer, source, target.pointer, targetType, rows: channels == 0 ? 0 : x.count / channels,
                    channels: channels, weight: weight.baseAddress, bias: bias.baseAddress, epsilon: Float(epsilon))
            }
        }
        return target
    }
}

/// Group normalisation of channels-last activations, with SiLU after it where asked; statistics in f32 and f64.
public final class GroupNorm: Module {
    let weight: Parameter
    let bias: Parameter
    let groups: Int
    let epsilon: Double
    let activation: Activation
    private let values = OnceCache<Int, (weight: [Float], bias: [Float])>()

    /// Parameters `weight` and `bias`, each `[channels]`.
    /// - Throws: `TensorError.value` where `groups` does not divide `channels`, or for an activation that is neither
    ///   `.none` nor `.silu`.
    public init(
        _ scope: ParameterScope, groups: Int, channels: Int, epsilon: Double = 1e-5, activation: Activation = .none
    ) throws {
        guard groups > 0, channels % groups == 0, activation == .none || activation == .silu else {
            throw TensorError.value(
                operation: "group norm", message: "\(channels) channels, \(groups) groups, activation \(activation)")
        }
        weight = scope.parameter("weight", [channels])
        bias = scope.parameter("bias", [channels])
        self.groups = groups
        self.epsilon = epsilon
        self.activation = activation
    }

    /// The normalised values of `[N, …, channels]`, in the context's dtype.
    public func forward(_ x: Tensor, _ context: Context) throws -> Tensor {
        guard x.rank >= 2, x.shape.last == weight.shape[0], x.isContiguous, x.count > 0 else {
            throw TensorError.shape(
                operation: weight.name, message: "wanted [N, …, \(weight.shape[0])], got \(Tensor.text(x.shape))")
        }
        let channels = weight.shape[0]
        let pixels = x.count / channels / x.shape[0]
        let target = try context.tensor(x.shape, context.dtype)
        let layout = NetRows.Layout.channelsLast(try context.dtype.netType(weight.name))
        let source = try x.dtype.netType(weight.name)
        let rows = NetRows(
            channels: channels, sourceWidth: 1, silu: activation == .silu, rows: Array(0..<pixels), columns: [0])
        for image in 0..<x.shape[0] {
            let from = x.pointer + image * pixels * channels * x.dtype.size
            let (factors, summands) = try coefficients(from, source, pixels: pixels)
            rows.fill(
                from, source, factors: factors, summands: summands,
                target.pointer + image * pixels * channels * target.dtype.size, layout)
        }
        return target
    }

    /// Factor and summand of each channel that normalise one image `[pixels, channels]`.
    func coefficients(
        _ image: UnsafeRawPointer, _ type: NetType, pixels: Int
    ) throws -> (factors: [Float], summands: [Float]) {
        let channels = weight.shape[0]
        let ready = try values.value(0) { (try weight.floats(), try bias.floats()) }
        // Vectors of sixteen may be read at the last channels.
        var factors = [Float](repeating: 0, count: channels + 16)
        var summands = factors
        NetGroupNorm.coefficients(
            image, type, pixels: pixels, channels: channels, groups: groups, weight: ready.weight, bias: ready.bias,
            epsilon: epsilon, factors: &factors, summands: &summands)
        return (factors, summands)
    }
}
