/// What can be wrong with a tensor operation; every case names the operation and what it was given.
public enum TensorError: Error, Equatable, CustomStringConvertible {
    case shape(operation: String, message: String)
    case dtype(operation: String, message: String)
    case index(operation: String, message: String)
    case value(operation: String, message: String)
    /// A storage of `bytes` could not be had: the request is over the limit or the system refused it.
    case outOfMemory(bytes: Int)
    /// A file is not what its format demands.
    case file(path: String, message: String)
    /// Running work was asked to stop (Ctrl-C or a limit).
    case stopped

    /// The message, as scripts and users read it.
    public var description: String {
        switch self {
        case .shape(let operation, let message), .dtype(let operation, let message),
            .index(let operation, let message), .value(let operation, let message):
            return "\(operation): \(message)"
        case .outOfMemory(let bytes):
            return "out of memory: a tensor of \(bytes) bytes could not be allocated"
        case .file(let path, let message):
            return "\(path): \(message)"
        case .stopped:
            return "stopped"
        }
    }
}
