import Checkpoints
import Encoders
import Files
import Foundation
import Runs

/// A look at the inputs that the parameters of every cell name, before a run folder is made: all that is missing is told
/// together, each with its key, and nothing has begun.
struct InputLook {
    private let plan: RunPlan
    private let encoders: EncoderRegistry
    /// Problems in the order they were found, and the cells that have them.
    private var problems: [(key: String, message: String, cells: [Cell])] = []
    /// What was found of each input: cells mostly share theirs.
    private var known: [String: String?] = [:]

    /// Looks at the inputs of some cells.
    /// - Throws: `RunsError.inputs` with every problem.
    static func check(_ plan: RunPlan, cells: [Cell], encoders: EncoderRegistry) throws {
        var look = InputLook(plan: plan, encoders: encoders)
        for cell in cells { look.visit(cell.params, key: "params", of: cell) }
        guard !look.problems.isEmpty else { return }
        throw RunsError.inputs(config: plan.config.path, problems: look.problems.map { look.text($0, of: cells.count) })
    }

    private init(plan: RunPlan, encoders: EncoderRegistry) {
        self.plan = plan
        self.encoders = encoders
    }

    private mutating func visit(_ value: JSON, key: String, of cell: Cell) {
        if let members = value.object {
            for member in members { visit(member.value, key: "\(key).\(member.key)", of: cell) }
        } else if let path = value.string, !path.isEmpty, let message = fault(key, path) {
            if let index = problems.firstIndex(where: { $0.key == key && $0.message == message }) {
                problems[index].cells.append(cell)
            } else {
                problems.append((key, message, [cell]))
            }
        }
    }

    /// What is wrong with the input that a parameter names; nil for what is there and for parameters that name none.
    private mutating func fault(_ key: String, _ path: String) -> String? {
        let question = key + "\0" + path
        if let answer = known[question] { return answer }
        let names = key.split(separator: ".").map(String.init)
        let answer: String?
        switch names.last {
        case "csv": answer = Self.file(path)
        case "image_dir": answer = Self.folder(path)
        case "weights": answer = weights(path, of: names)
        default: answer = nil
        }
        known[question] = .some(answer)
        return answer
    }

    private static func file(_ path: String) -> String? {
        do {
            _ = try FileIdentity(of: path)
            guard access(path, R_OK) == 0 else { return "\(path): it may not be read" }
            return nil
        } catch { return String(describing: error) }
    }

    private static func folder(_ path: String) -> String? {
        var isFolder: ObjCBool = false
        guard FileManager.default.fileExists(atPath: path, isDirectory: &isFolder) else {
            return "\(path): no such folder"
        }
        return isFolder.boolValue ? nil : "\(path): a file, and a folder of images is wanted"
    }

    private func weights(_ place: String, of names: [String]) -> String? {
        do {
            if names.count >= 3, names[names.count - 3] == "encoders", let entry = encoders[names[names.count - 2]] {
                _ = try entry.locate(place)
            } else if place.contains("/") || place.contains(".") {
                // Other words may be names that only a script knows.
                _ = try HubCache.locate(place)
            }
            return nil
        } catch { return String(describing: error) }
    }

    private func text(_ problem: (key: String, message: String, cells: [Cell]), of count: Int) -> String {
        var text = problem.key
        if let place = plan.config.place(of: problem.key) { text += " (\(place))" }
        text += ": " + problem.message
        if problem.cells.count < count, let first = problem.cells.first {
            text +=
                problem.cells.count == 1
                ? ", in the cell \(first.label)" : ", in \(problem.cells.count) cells, the first: \(first.label)"
        }
        return text
    }
}
