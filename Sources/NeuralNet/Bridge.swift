import Engine
import EngineCPU
import Tensors

// The layers as networks called them before `Execution`, over the engine's: what is left here goes when the last network is
// written against the door.

/// See `Engine.Parameter`.
public typealias Parameter = Engine.Parameter
/// See `Engine.ParameterScope`.
public typealias ParameterScope = Engine.ParameterScope
/// See `Engine.Activation`.
public typealias Activation = Engine.Activation

/// What executions of one dtype made of layers, until the layers go.
enum SharedWeights {
    private static let f32 = Prepared()
    private static let bf16 = Prepared()

    static func of(_ dtype: DType) -> Prepared { dtype == .bf16 ? bf16 : f32 }

    static func forget(_ layer: AnyObject) { for store in [f32, bf16] { store.forget(layer) } }

    static func releaseWinograd() { for store in [f32, bf16] { store.releaseWinograd() } }
}

extension ParameterScope {
    /// Lets packed weights go that take much memory and can be made again from the file; no pass may be under way.
    public func releaseRenewableWeights() { SharedWeights.releaseWinograd() }
}

/// What a forward pass runs in.
public final class Context {
    let execution: CPUExecution

    /// A context for one thread of work.
    public convenience init(dtype: DType, threads: Int = 1) throws {
        self.init(try CPUExecution(dtype: dtype, threads: threads, SharedWeights.of(dtype)))
    }

    init(_ execution: CPUExecution) { self.execution = execution }

    /// The dtype of activations.
    public var dtype: DType { execution.dtype }

    /// Runs `body` with oneDNN held to this context's threads.
    public func run<Result>(_ body: () throws -> Result) rethrows -> Result { try execution.run(body) }

    /// A contiguous tensor, not cleared, in memory that returns here.
    public func tensor(_ shape: [Int], _ dtype: DType) throws -> Tensor { try execution.allocate(shape, dtype) }

    /// The values in another of f32 and bf16.
    public func converted(_ x: Tensor, _ dtype: DType) throws -> Tensor { try execution.convert(x, dtype) }

    /// The tensors side by side in their last dimension.
    public func concatenateChannels(_ parts: [Tensor]) throws -> Tensor { try execution.concatenate(parts) }
}

/// Runs a network on many images, each on one thread.
public final class ContextPool {
    /// The dtype of activations.
    public let dtype: DType
    private var pool: WorkerPool

    /// - Parameter dtype: f32 or bf16.
    public init(dtype: DType) throws {
        self.dtype = dtype
        pool = try WorkerPool(dtype: dtype, SharedWeights.of(dtype))
    }

    /// Runs `body` for every index of `0 ..< count`, in parallel.
    public func forEach(_ count: Int, _ body: @escaping (Int, Context) throws -> Void) throws {
        try pool.forEach(count) { try body($0, Context($1)) }
    }

    /// Lets the memory of activations go.
    public func trim() { pool.trim() }
}

/// A network or a part of one.
public protocol Module: AnyObject {
    /// The output for `x`, in `context`.
    func forward(_ x: Tensor, _ context: Context) throws -> Tensor
}

/// A linear layer with what follows it.
public final class Linear: Module {
    private let layer: Engine.Linear
    private let activation: Activation
    private let result: DType?

    /// Parameters `weight` and `bias`.
    public init(
        _ scope: ParameterScope, inputs: Int, outputs: Int, hasBias: Bool = true, activation: Activation = .none,
        result: DType? = nil
    ) {
        layer = Engine.Linear(scope, inputs: inputs, outputs: outputs, hasBias: hasBias)
        self.activation = activation
        self.result = result
    }

    deinit { SharedWeights.forget(layer) }

    /// `[…, outputs]` for `[…, inputs]`.
    public func forward(_ x: Tensor, _ context: Context) throws -> Tensor { try forward(x, addingTo: nil, context) }

    /// As `forward`, added to `residual`. The result takes the residual's memory.
    public func forward(_ x: Tensor, addingTo residual: Tensor?, _ context: Context) throws -> Tensor {
        try context.execution.linear(
            layer, x, Epilogue(residual: residual.map { .given($0) }, activation: activation, result: result))
    }
}

/// A two-dimensional convolution.
public final class Convolution2D: Module {
    private let layer: Engine.Convolution2D
    private let result: DType?

    /// Parameters `weight` and `bias`.
    public init(
        _ scope: ParameterScope, inputs: Int, outputs: Int, kernel: (Int, Int), stride: (Int, Int) = (1, 1),
        padding: (Int, Int) = (0, 0), paddingAfter: (Int, Int)? = nil, result: DType? = nil
    ) {
        layer = Engine.Convolution2D(
            scope, inputs: inputs, outputs: outputs, kernel: kernel, stride: stride, padding: padding,
            paddingAfter: paddingAfter)
        self.result = result
    }

    deinit { SharedWeights.forget(layer) }

    /// Images `[N, H', W', outputs]` for `[N, H, W, inputs]`.
    public func forward(_ x: Tensor, _ context: Context) throws -> Tensor {
        try context.execution.convolution(layer, x, Epilogue(result: result))
    }
}

/// A 3 × 3 convolution as generators use it.
public final class SpatialConvolution {
    private let layer: Engine.Convolution2D

    /// Parameters `weight` `[outputs, inputs, 3, 3]` and `bias` `[outputs]`.
    public init(_ scope: ParameterScope, inputs: Int, outputs: Int) {
        layer = Engine.Convolution2D(scope, inputs: inputs, outputs: outputs, kernel: (3, 3), padding: (1, 1))
    }

    deinit { SharedWeights.forget(layer) }

    /// What is done on the way.
    public struct Around {
        /// Comes before the convolution, with its activation.
        public var norm: GroupNorm?
        /// Enlarges the image to these many rows and columns, each pixel to its nearest neighbours, after `norm`.
        public var size: (height: Int, width: Int)?
        /// Is added to each pixel of the result, f32, one a channel.
        public var summand: Tensor?
        /// Is added to the result, f32 in its shape.
        public var residual: Tensor?
        /// Whether the result may take the residual's memory.
        public var consumesResidual: Bool

        /// Nothing, or what is given.
        public init(
            norm: GroupNorm? = nil, size: (height: Int, width: Int)? = nil, summand: Tensor? = nil,
            residual: Tensor? = nil, consumesResidual: Bool = false
        ) {
            self.norm = norm
            self.size = size
            self.summand = summand
            self.residual = residual
            self.consumesResidual = consumesResidual
        }
    }

    /// The images with nothing on the way.
    public func forward(_ x: Tensor, _ context: Context) throws -> Tensor { try forward(x, Around(), context) }

    /// The images f32 `[N, H', W', outputs]` for f32 `[N, H, W, inputs]`.
    public func forward(_ x: Tensor, _ around: Around, _ context: Context) throws -> Tensor {
        try context.execution.convolution(
            layer, x,
            Prologue(norm: around.norm?.layer, activation: around.norm?.activation ?? .none, size: around.size),
            Epilogue(
                summand: around.summand?.reshaped([1, -1]),
                residual: around.residual.map { around.consumesResidual ? .given($0) : .kept($0) }, result: .f32))
    }
}

/// Layer normalisation.
public final class LayerNorm {
    private let layer: Engine.LayerNorm

    /// Parameters `weight` and `bias`.
    public init(_ scope: ParameterScope, channels: Int, epsilon: Double = 1e-5) {
        layer = Engine.LayerNorm(scope, channels: channels, epsilon: epsilon)
    }

    deinit { for parameter in [layer.weight, layer.bias].compactMap({ $0 }) { SharedWeights.forget(parameter) } }

    /// The normalised values in the context's dtype.
    public func forward(_ x: Tensor, _ context: Context) throws -> Tensor {
        try context.execution.norm(layer, x)
    }

    /// As `forward`, in the dtype `result`.
    public func forward(_ x: Tensor, result: DType, _ context: Context) throws -> Tensor {
        try context.execution.norm(layer, x, Epilogue(result: result))
    }
}

/// Group normalisation with its activation.
public final class GroupNorm {
    let layer: Engine.GroupNorm
    let activation: Activation

    /// Parameters `weight` and `bias`.
    public init(
        _ scope: ParameterScope, groups: Int, channels: Int, epsilon: Double = 1e-5, activation: Activation = .none
    ) throws {
        layer = try Engine.GroupNorm(scope, groups: groups, channels: channels, epsilon: epsilon)
        self.activation = activation
    }

    deinit { for parameter in [layer.weight, layer.bias] { SharedWeights.forget(parameter) } }

    /// The normalised values in the context's dtype.
    public func forward(_ x: Tensor, _ context: Context) throws -> Tensor {
        try context.execution.norm(layer, x, Epilogue(activation: activation))
    }
}

/// Scaled dot-product attention.
public final class ScaledDotProductAttention {
    private let layer: Attention
    private let isCausal: Bool

    /// - Throws: `TensorError.value` where `heads` does not divide `channels`.
    public init(_ name: String, channels: Int, heads: Int, isCausal: Bool = false) throws {
        layer = try Attention(channels: channels, heads: heads)
        self.isCausal = isCausal
    }

    /// `[N, T, C]` for queries `[N, T, C]` and keys and values `[N, S, C]`.
    public func forward(query: Tensor, key: Tensor, value: Tensor, _ context: Context) throws -> Tensor {
        try context.execution.attention(
            layer, query: query, key: key, value: value, mask: isCausal ? .causal : .none)
    }
}

/// A table of vectors by index.
public final class Embedding {
    private let layer: Engine.Embedding

    /// A parameter `weight` `[count, channels]`.
    public init(_ scope: ParameterScope, count: Int, channels: Int) {
        layer = Engine.Embedding(scope, count: count, channels: channels)
    }

    deinit { SharedWeights.forget(layer.weight) }

    /// `[…, channels]` for ids i64 `[…]`.
    public func forward(_ ids: Tensor, _ context: Context) throws -> Tensor {
        try context.execution.embedding(layer, ids)
    }
}

/// Gated activations.
public enum GatedActivation {
    /// a · gelu(b), where a and b are the halves of the last dimension.
    public static func gelu(_ x: Tensor, _ context: Context) throws -> Tensor {
        try context.execution.gate(.geGLU, x)
    }
}
