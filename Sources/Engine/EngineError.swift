/// What can go wrong inside a network, beside wrong shapes and dtypes (`TensorError`).
public enum EngineError: Error, Equatable, CustomStringConvertible {
    /// A library of the device refused an operation.
    case library(operation: String, reason: String)
    /// Parameters have no values, or not those of the network.
    case parameters(message: String)
    /// The executor has no way to do what was asked, such as to record a gradient through it.
    case unsupported(operation: String, message: String)

    /// The message, as scripts and users read it.
    public var description: String {
        switch self {
        case .library(let operation, let reason): return "\(operation): \(reason)"
        case .parameters(let message): return message
        case .unsupported(let operation, let message): return "\(operation): \(message)"
        }
    }
}
