/// An error that lies in what a user gave, a file or a table, rather than in the script that read it: where the script was says
/// nothing then.
public protocol InputFault: Error {}

/// What is wrong with a file that was read or written; the path always comes first.
public enum FileError: InputFault, Equatable, CustomStringConvertible {
    case missing(path: String, hint: String)
    case unreadable(path: String, reason: String)
    case unwritable(path: String, reason: String)
    /// The content is not what the format demands; `location` is a line, a row, a byte or a key, or empty.
    case malformed(path: String, location: String, reason: String)

    /// The message, as users read it.
    public var description: String {
        switch self {
        case .missing(let path, let hint): return "\(path): no such file" + (hint.isEmpty ? "" : "; \(hint)")
        case .unreadable(let path, let reason): return "\(path): cannot be read: \(reason)"
        case .unwritable(let path, let reason): return "\(path): cannot be written: \(reason)"
        case .malformed(let path, let location, let reason):
            return location.isEmpty ? "\(path): \(reason)" : "\(path): \(location): \(reason)"
        }
    }
}
