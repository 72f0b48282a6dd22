import Checkpoints
import Tensors

/// A tensor that a network learns, under the name that it has in checkpoints.
public final class Parameter {
    /// The full name, such as `encoder.layer.0.norm1.weight`.
    public let name: String
    /// The sizes that a checkpoint must have.
    public let shape: [Int]
    /// The value; nil before loading, and again once a layer has packed it into its own layout.
    public private(set) var value: Tensor?

    init(name: String, shape: [Int]) {
        self.name = name
        self.shape = shape
    }

    /// Sets the value.
    /// - Throws: `TensorError.shape` for other sizes, `.dtype` for integers.
    public func load(_ tensor: Tensor) throws {
        guard tensor.shape == shape else {
            throw TensorError.shape(
                operation: name, message: "wanted \(Tensor.text(shape)), got \(Tensor.text(tensor.shape))")
        }
        guard tensor.dtype.isFloating else {
            throw TensorError.dtype(operation: name, message: "wanted a floating dtype, got \(tensor.dtype)")
        }
        value = tensor
    }

    /// The value as contiguous f32.
    /// - Throws: `NeuralNetError.parameters` where nothing was loaded or the value was let go.
    public func floats() throws -> [Float] {
        guard let value else {
            throw NeuralNetError.parameters(message: "\(name): the parameter has no value; load weights first")
        }
        switch value.dtype {
        case .f32: return try value.array(Float.self)
        case .f64: return try value.array(Double.self).map { Float($0) }
        case .bf16: return try value.array(BFloat16.self).map(\.float)
        case .f16: return try value.array(Float16.self).map { Float($0) }
        default:
            throw TensorError.dtype(operation: name, message: "wanted a floating dtype, got \(value.dtype)")
        }
    }

    /// Gives the memory of a value that is mapped from a file back to the system, which reads it again where need be.
    func dropPages() { value?.dropPages() }

    /// Lets the value go, after a layer has packed it.
    func release() {
        value?.dropPages()
        value = nil
    }
}

/// A place in a network's tree of names, at which layers declare their parameters: each name is written once, beside
/// the property that holds it.
public struct ParameterScope {
    private final class Registry {
        var parameters: [Parameter] = []
        var renewable: [any RenewableWeights] = []
    }
    private let registry: Registry
    private let prefix: String

    /// The root of a new network.
    public init() {
        registry = Registry()
        prefix = ""
    }

    private init(_ registry: Registry, _ prefix: String) {
        self.registry = registry
        self.prefix = prefix
    }

    /// The scope below, `name.`; an empty name is this scope.
    public subscript(name: String) -> ParameterScope {
        name.isEmpty ? self : ParameterScope(registry, prefix + name + ".")
    }

    /// The scope of an indexed child, `index.`.
    public subscript(index: Int) -> ParameterScope { self[String(index)] }

    /// Declares a parameter of this scope.
    public func parameter(_ name: String, _ shape: [Int]) -> Parameter {
        let parameter = Parameter(name: prefix + name, shape: shape)
        registry.parameters.append(parameter)
        return parameter
    }

    /// Notes a layer whose packed weights can be made again.
    func register(_ layer: any RenewableWeights) { registry.renewable.append(layer) }

    /// Lets packed weights go that take much memory and can be made again from the file; no pass may be under way.
    public func releaseRenewableWeights() { for layer in registry.renewable { layer.releaseWeights() } }

    /// Every parameter declared below the root, in order.
    public var parameters: [Parameter] { registry.parameters }

    /// Fills every parameter from a checkpoint.
    ///
    /// Strict: a missing, unused or wrongly sized tensor is an error that lists all of them.
    /// - Parameter ignoring: says which tensors of the checkpoint may stay unused.
    /// - Throws: `CheckpointError.mismatch`, and what reading a tensor throws.
    public func load(_ checkpoint: Checkpoint, ignoring: (String) -> Bool = { _ in false }) throws {
        let tensors = try checkpoint.load(into: parameters.map { ($0.name, $0.shape) }, ignoring: ignoring)
        for (parameter, tensor) in zip(parameters, tensors) { try parameter.load(tensor) }
    }
}

/// A network or a part of one: parameters and a pure function of activations `[N, H, W, C]` or `[N, T, C]`.
public protocol Module: AnyObject {
    /// The output for `x`, in `context`.
    func forward(_ x: Tensor, _ context: Context) throws -> Tensor
}

/// A layer that keeps where its weights came from, so that what it made of them can be let go between passes.
protocol RenewableWeights: AnyObject {
    /// Lets go what is made again at the next pass.
    func releaseWeights()
}
