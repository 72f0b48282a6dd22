import Files

/// What is wrong with the use of a dataset. A file that is not what its format demands is a `FileError` instead.
public enum DatasetError: InputFault, Equatable, CustomStringConvertible {
    /// There is no such column; the message names the nearest one and those that there are.
    case column(table: String, message: String)
    /// A column was named for a role (`image`, `prompt`, `labels`, `id`, `patient`) and is not there.
    case role(String, table: String, message: String)
    /// A cell is not what the operation needs; `row` counts the table's rows from 1.
    case row(table: String, row: Int, message: String)
    /// An argument or the state of the dataset does not allow the operation.
    case value(operation: String, message: String)

    /// The message, as scripts and users read it.
    public var description: String {
        switch self {
        case .column(let table, let message), .role(_, let table, let message): return "\(table): \(message)"
        case .row(let table, let row, let message): return "\(table): row \(row): \(message)"
        case .value(let operation, let message): return "\(operation): \(message)"
        }
    }
}

/// The words "; did you mean …" where a known word is near, else nothing.
func suggestion(_ word: String, _ known: [String]) -> String {
    nearest(word, among: known).map { "; did you mean \"\($0)\"?" } ?? ""
}
