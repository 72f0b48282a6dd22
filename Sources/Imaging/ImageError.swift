import Files

/// What can be wrong with an image file or an operation on images. Cases about files name the file first.
public enum ImageError: InputFault, Equatable, CustomStringConvertible {
    /// There is no such file.
    case missing(path: String)
    /// The system refuses to read the file.
    case unreadable(path: String, reason: String)
    /// The content is neither PNG nor JPEG; `found` says what it looks like and what to do.
    case notAnImage(name: String, found: String)
    /// A variant of PNG or JPEG that is not read.
    case unsupported(name: String, reason: String)
    /// The content breaks its format: cut, altered or never valid.
    case damaged(name: String, reason: String)
    /// A size or count is over a limit of `ImageLimits`.
    case overLimit(name: String, what: String, value: Int, limit: Int)
    /// An argument of an operation is wrong.
    case argument(operation: String, message: String)

    /// The message, as scripts and users read it.
    public var description: String {
        switch self {
        case .missing(let path):
            return "\(Self.printable(path)): no such file"
        case .unreadable(let path, let reason):
            return "\(Self.printable(path)): cannot be read: \(reason)"
        case .notAnImage(let name, let found):
            return "\(Self.printable(name)): not a PNG or JPEG image: \(found)"
        case .unsupported(let name, let reason):
            return "\(Self.printable(name)): \(reason); convert it to an 8-bit PNG or a baseline JPEG"
        case .damaged(let name, let reason):
            return "\(Self.printable(name)): damaged image: \(reason); get the file anew"
        case .overLimit(let name, let what, let value, let limit):
            return "\(Self.printable(name)): the \(what) is \(value), over the limit of \(limit)"
        case .argument(let operation, let message):
            return "\(operation): \(message)"
        }
    }

    /// A name without control characters, so that a message stays on its line.
    static func printable(_ name: String) -> String {
        guard name.unicodeScalars.contains(where: { $0.value < 32 || $0.value == 127 }) else { return name }
        return name.unicodeScalars.map { $0.value < 32 || $0.value == 127 ? $0.escaped(asASCII: true) : String($0) }
            .joined()
    }
}
