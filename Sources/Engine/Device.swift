import Identity
import Tensors

/// A kind of device that networks run on, and how a model gets an executor there.
public struct Device: Sendable {
    /// The kind, as it stands in the identity of a number.
    public let kind: DeviceKind
    private let make: @Sendable (DType) throws -> any Executor

    /// A device that makes executors, which compute in the given dtype.
    public init(_ kind: DeviceKind, _ make: @escaping @Sendable (_ dtype: DType) throws -> any Executor) {
        self.kind = kind
        self.make = make
    }

    /// An executor of its own for one model.
    /// - Throws: `TensorError.dtype` for a dtype that the device does not compute in, `EngineError` where the device fails.
    public func executor(dtype: DType) throws -> any Executor { try make(dtype) }
}
