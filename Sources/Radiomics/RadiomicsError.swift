import Files

/// What can go wrong with radiomic features and with the distance of their tables.
public enum RadiomicsError: InputFault, Equatable, CustomStringConvertible {
    /// A setting that is unknown, or has a value that is not supported.
    case setting(name: String, message: String)
    /// An image that has no features.
    case image(String)
    /// Tables that cannot be compared.
    case table(String)

    /// The message, as users read it.
    public var description: String {
        switch self {
        case .setting(let name, let message): return "radiomics setting \"\(name)\": \(message)"
        case .image(let message): return "radiomics: \(message)"
        case .table(let message): return "frd: \(message)"
        }
    }
}
