import Files
import Tensors

/// What is wrong with a checkpoint beyond its file format, whose faults are `FileError`s.
public enum CheckpointError: InputFault, Equatable, CustomStringConvertible {
    /// The tensors of the file and the parameters of the model differ.
    case mismatch(MismatchReport)
    /// The layers of a LoRA and those of the model differ.
    case adapter(LoRAReport)
    /// A pickle asks for something that is not on the list of harmless things; nothing was executed.
    case refused(path: String, what: String, position: Int)
    /// No tensor of that name; `nearest` is a similar one.
    case noTensor(path: String, name: String, nearest: String?)
    /// A file that is not in the caches and folders where it was looked for.
    case notFound(what: String, lookedIn: [String], hint: String)
    /// What a network gave is no number, or too large for one.
    case notFinite(path: String, what: String, dtype: DType)

    /// The message, as users read it.
    public var description: String {
        switch self {
        case .mismatch(let report): return report.description
        case .adapter(let report): return report.description
        case .refused(let path, let what, let position):
            return "\(path): refused: the pickle asks for \(what) at byte \(position); nothing was executed. "
                + "Convert the file to safetensors where it was made, with a state_dict only"
        case .noTensor(let path, let name, let nearest):
            return "\(path): no tensor \"\(name)\"" + (nearest.map { "; did you mean \"\($0)\"?" } ?? "")
        case .notFound(let what, let lookedIn, let hint):
            let places = lookedIn.map { "\n  \($0)" }.joined()
            return "\(what) was not found; looked for:\(places)\n\(hint)"
        case .notFinite(let path, let what, let dtype):
            return "\(what) is not finite: the weights in \(path) are damaged, or too large for \(dtype)"
        }
    }
}

/// How the tensors of a checkpoint differ from the parameters that a model expects.
public struct MismatchReport: Equatable, CustomStringConvertible, Sendable {
    /// A tensor whose shape is not the one wanted.
    public struct WrongShape: Equatable, Sendable {
        /// The parameter.
        public let name: String
        /// Its shape in the model.
        public let wanted: [Int]
        /// Its shape in the file.
        public let found: [Int]
    }

    /// The file or folder.
    public let path: String
    /// How many parameters the model has.
    public let expected: Int
    /// How many of them were found with their shape.
    public let matched: Int
    /// Parameters that no tensor fills.
    public let missing: [String]
    /// Tensors that fill no parameter.
    public let unused: [String]
    /// Tensors of another shape than their parameter.
    public let wrongShapes: [WrongShape]

    /// Counts, and the first ten names of each kind.
    public var description: String {
        var lines = ["\(path): the weights do not fit: matched \(matched) of \(expected) parameters"]
        func list(_ title: String, _ items: [String]) {
            if items.isEmpty { return }
            let rest = items.count > 10 ? " and \(items.count - 10) more" : ""
            lines.append("  \(items.count) \(title): " + items.prefix(10).joined(separator: ", ") + rest)
        }
        list("missing", missing)
        list("unused", unused)
        list(
            "of another shape",
            wrongShapes.map { "\($0.name) (wanted \(Tensor.text($0.wanted)), found \(Tensor.text($0.found)))" })
        return lines.joined(separator: "\n")
    }
}
