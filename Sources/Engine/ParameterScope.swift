import Checkpoints
import Tensors

/// A place in a network's tree of names, at which layers declare their parameters: each name is written once, beside
/// the property that holds it.
public struct ParameterScope {
    private final class Registry { var parameters: [Parameter] = [] }
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

    /// Every parameter declared below the root, in order.
    public var parameters: [Parameter] { registry.parameters }

    /// Adds products of a LoRA to parameters, by their names; see `Parameter.add`.
    public func add(_ updates: [(parameter: String, update: LowRankUpdate)], scale: Double) {
        let named = Dictionary(parameters.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
        for (name, update) in updates { named[name]?.add(update, scale: scale) }
    }

    /// Looks whether a checkpoint fills every parameter, by names, shapes and dtypes; no value is read.
    /// - Throws: as `load`, but for what reading a tensor throws.
    public func check(_ checkpoint: Checkpoint, ignoring: (String) -> Bool = { _ in false }) throws {
        try checkpoint.checkFit(of: parameters.map { ($0.name, $0.shape) }, ignoring: ignoring)
        for parameter in parameters {
            guard let dtype = checkpoint.dtype(of: parameter.name), !dtype.isFloating else { continue }
            throw checkpoint.fault(parameter.name, "wanted floating values, got \(dtype)")
        }
    }

    /// Fills every parameter from a checkpoint.
    ///
    /// Strict: a missing, unused or wrongly sized tensor is an error that lists all of them.
    /// - Parameter ignoring: says which tensors of the checkpoint may stay unused.
    /// - Throws: `CheckpointError.mismatch`, and what reading a tensor throws.
    public func load(_ checkpoint: Checkpoint, ignoring: (String) -> Bool = { _ in false }) throws {
        try check(checkpoint, ignoring: ignoring)
        let tensors = try checkpoint.load(into: parameters.map { ($0.name, $0.shape) }, ignoring: ignoring)
        for (parameter, tensor) in zip(parameters, tensors) {
            try parameter.load(tensor)
            // A copy that reading made, as of 8-bit floats, is made again when it is asked for.
            if !tensor.storage.isBorrowed, tensor.count > 0 {
                let shape = tensor.shape
                parameter.follow { [name = parameter.name] in
                    let read = try checkpoint[name]
                    return read.shape == shape ? read : try read.reshaped(shape)
                }
            }
        }
    }
}
