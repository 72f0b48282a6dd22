import Checkpoints
import Tensors

/// A tensor that a network learns, under the name that it has in checkpoints.
///
/// Its value stays where it is, in the file's mapped pages or with the optimizer that changes it, until an executor takes
/// it in the form that its device wants.
public final class Parameter {
    /// The full name, such as `encoder.layer.0.norm1.weight`.
    public let name: String
    /// The sizes that a checkpoint must have.
    public let shape: [Int]
    private var stored: Tensor?
    private var source: (() throws -> Tensor)?
    private var updates: [(update: LowRankUpdate, scale: Double)] = []

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
        source = nil
        updates = []
        stored = tensor
    }

    /// Lets the value go, and asks `source` for it from now on: whoever holds the weights once for all.
    public func follow(_ source: @escaping () throws -> Tensor) {
        stored = nil
        updates = []
        self.source = source
    }

    /// Adds products of a LoRA to the value from now on, until another is loaded. Nothing is calculated before the value is
    /// asked for, and no sum is kept: what an executor makes of it is the only copy.
    public func add(_ update: LowRankUpdate, scale: Double) {
        if scale != 0 { updates.append((update, scale)) }
    }

    /// The value, in the dtype that it was loaded in; f32 where products were added.
    /// - Throws: `EngineError.parameters` where nothing was loaded, or an executor took the only copy; what reading a file
    ///   throws.
    public func value() throws -> Tensor {
        let value = try loaded()
        if updates.isEmpty { return value }
        let sum = value.dtype == .f32 ? try value.clone() : try value.to(.f32).contiguous()
        value.dropPages()
        for (update, scale) in updates { try update.add(to: sum, scale: scale) }
        return sum
    }

    private func loaded() throws -> Tensor {
        if let stored { return stored }
        guard let source else {
            throw EngineError.parameters(message: "\(name): the parameter has no value; load weights first")
        }
        return try source()
    }

    /// The value as contiguous f32.
    /// - Throws: as `value`.
    public func floats() throws -> [Float] {
        let value = try value()
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
    public func dropPages() { stored?.dropPages() }

    /// Asks the system to read a value that is mapped from a file, which an executor will want soon.
    public func readAhead() { stored?.readAhead() }

    /// Tells the parameter that an executor holds the value in a form of its own: a value in memory is let go, so that
    /// weights are held once; the pages of a mapped file are given back to the system, which reads them again where need
    /// be.
    public func taken() {
        guard let stored else { return }
        stored.dropPages()
        // Products are added anew whenever an executor asks.
        if !stored.storage.isBorrowed, updates.isEmpty { self.stored = nil }
    }
}
