import Checkpoints
import ChexGenLua
import Encoders
import Files
import Foundation
import LuaRuntime
import Runs
import Tensors

/// A look at the inputs that the parameters of every cell name, and at what the experiment itself checks, before a run folder is
/// made: all that is wrong is told together, each with its key, and nothing has begun.
struct InputLook {
    private let plan: RunPlan
    private let context: ScriptContext
    private var encoders: EncoderRegistry { context.encoders }
    private var labelers: Registry<LabelerRegistry.Entry> { context.known.labelers }
    /// Problems in the order they were found, and the cells that have them.
    private var problems: [(key: String, message: String, cells: [Cell])] = []
    /// What was found of each input: cells mostly share theirs.
    private var known: [String: String?] = [:]
    /// What all cells will write, and the most memory that one takes.
    private(set) var diskBytes = 0
    private(set) var memoryBytes = 0
    /// The files and folders that parameters name, each once, with its key.
    private(set) var inputs: [(key: String, path: String)] = []

    /// Looks at the inputs of some cells.
    /// - Parameters:
    ///   - check: the experiment's own look at a cell.
    ///   - folder: where the run folder is or will be; nil where its name will be free.
    ///   - isResumed: whether the folder is there, and the cells are those that are not done.
    ///   - written: how much of what a cell says it needs it has written before.
    /// - Returns: what was found, where nothing is wrong.
    /// - Throws: `RunsError.inputs` with every problem; what `check` raises.
    static func check(
        _ plan: RunPlan, cells: [Cell], _ context: ScriptContext, folder: String?,
        isResumed: Bool, written: (Cell) -> Int, by check: LuaFunction?
    ) throws -> InputLook {
        var look = InputLook(plan: plan, context)
        for cell in cells {
            look.visit(cell.params, key: "params", of: cell)
            look.lookAtResults(of: cell)
            guard let check else { continue }
            // What a model would take of memory is a question of the cell's dtype.
            if let dtype = DType(rawValue: cell.dtype) { context.dtype = dtype }
            let start = StartObject(cell: cell, context)
            _ = try check.call([.object(start)])
            for problem in start.problems { look.add(problem.key, problem.message, cell) }
            let left = start.diskBytes > 0 ? max(0, start.diskBytes - written(cell)) : 0
            let (sum, isTooMuch) = look.diskBytes.addingReportingOverflow(left)
            look.diskBytes = isTooMuch ? .max : sum
            look.memoryBytes = max(look.memoryBytes, start.memoryBytes)
        }
        look.compareNeeds(folder, isResumed: isResumed)
        guard !look.problems.isEmpty else { return look }
        throw RunsError.inputs(config: plan.config.path, problems: look.problems.map { look.text($0, of: cells.count) })
    }

    private init(plan: RunPlan, _ context: ScriptContext) {
        self.plan = plan
        self.context = context
    }

    private mutating func visit(_ value: JSON, key: String, of cell: Cell) {
        let names = key.split(separator: ".").map(String.init)
        if let members = value.object {
            // A folder takes the place of a table and of the folder that its images lie in.
            let hasFolder = members.contains { $0.key == "folder" && $0.value.string?.isEmpty == false }
            for member in members where !(hasFolder && ["csv", "image_dir"].contains(member.key)) {
                visit(member.value, key: "\(key).\(member.key)", of: cell)
            }
            lookAtOptions(members.map { ($0.key, $0.value) }, of: names, key, cell)
            lookAtModel(members.map { ($0.key, $0.value) }, of: names, key, cell)
        } else if options(of: names) != nil, value != .null {
            add(key, "wanted options, such as { weights: FILE }", cell)
        } else if let path = value.string, !path.isEmpty, let message = fault(key, path) {
            add(key, message, cell)
        }
    }

    /// The options of the encoder or the labeler that a parameter's value is for; nil for other parameters, and for encoders that
    /// a script will register, which may have any.
    private func options(of names: some BidirectionalCollection<String>) -> [String]? {
        guard let name = names.last else { return nil }
        switch names.dropLast().last {
        case "encoders": return encoders[name].map { _ in ModelOptions.encoder }
        case "labelers": return labelers[name].map { _ in ModelOptions.labeler(context) }
        default: return nil
        }
    }

    /// Looks at the weights of an encoder or a labeler, the usual ones where none are given: what loading them would find wrong
    /// before it reads a value.
    private mutating func lookAtModel(
        _ given: [(key: String, value: JSON)], of names: [String], _ key: String, _ cell: Cell
    ) {
        guard let name = names.last, options(of: names) != nil else { return }
        func value(_ name: String) -> JSON { given.first { $0.key == name }?.value ?? .null }
        // What is no text was told.
        let places = [value("weights"), value("tokenizer")]
        guard places.allSatisfy({ $0 == .null || $0.string != nil }) else { return }
        let (weights, tokenizer) = (places[0].string, places[1].string)
        let place = key + (weights == nil ? "" : ".weights")
        if let entry = encoders[name], names.dropLast().last == "encoders" {
            lookOnce(place, [weights], cell) { try entry.look(entry.locate(weights)) }
        } else if let entry = labelers[name] {
            let folder = key + (tokenizer == nil ? "" : ".tokenizer")
            let hasWeights = lookOnce(place, [weights], cell) { _ = try entry.weights(at: weights) }
            let hasTokenizer = lookOnce(folder, [tokenizer], cell) { _ = try entry.tokenizer(at: tokenizer) }
            guard hasWeights, hasTokenizer else { return }
            lookOnce(place, [weights, tokenizer], cell) {
                try entry.look(entry.weights(at: weights), entry.tokenizer(at: tokenizer))
            }
        }
    }

    /// Looks at inputs that cells mostly share, and tells what is thrown under its key; returns whether nothing is.
    @discardableResult private mutating func lookOnce(
        _ key: String, _ inputs: [String?], _ cell: Cell, _ look: () throws -> Void
    ) -> Bool {
        let question = ([key] + inputs.map { $0 ?? "\0" }).joined(separator: "\0\0")
        if known[question] == nil {
            do {
                try look()
                known[question] = .some(nil)
            } catch { known[question] = String(describing: error) }
        }
        guard case .some(.some(let message)) = known[question] else { return true }
        add(key, message, cell)
        return false
    }

    private mutating func lookAtOptions(
        _ given: [(key: String, value: JSON)], of names: [String], _ key: String, _ cell: Cell
    ) {
        guard let known = options(of: names) else { return }
        for (name, value) in given {
            if !known.contains(name) {
                add("\(key).\(name)", ModelOptions.unknown(name, of: known), cell)
            } else if name == "dtype", value != .null, !ModelOptions.dtypes.contains(value.string ?? "") {
                add("\(key).dtype", "wanted \(ModelOptions.dtypes.joined(separator: " or "))", cell)
            } else if value.string == nil, value != .null {
                add("\(key).\(name)", "wanted a text", cell)
            } else if name == "device", let device = value.string, context.devices[device] == nil {
                add("\(key).device", context.devices.unknown(device).description, cell)
            }
        }
    }

    /// The folder for shared tables, where the user names it: that of a script may be anything.
    private mutating func lookAtResults(of cell: Cell) {
        guard let path = plan.sharedResults(of: cell) else { return }
        lookOnce("params.results", [path], cell) { try Folders.checkRoom(for: path) }
    }

    private mutating func add(_ key: String, _ message: String, _ cell: Cell) {
        guard let index = problems.firstIndex(where: { $0.key == key && $0.message == message }) else {
            return problems.append((key, message, [cell]))
        }
        if problems[index].cells.last?.name != cell.name { problems[index].cells.append(cell) }
    }

    /// Compares what the cells need with what there is.
    private mutating func compareNeeds(_ given: String?, isResumed: Bool) {
        let folder = given ?? "runs"
        func text(_ bytes: Int) -> String { "\(bytes / 1_048_576) MB" }
        if memoryBytes > Storage.limit {
            problems.append(
                (
                    "memory",
                    "a cell takes \(text(memoryBytes)), and the limit is \(text(Storage.limit)): give a larger "
                        + "--limit-memory", plan.cells
                ))
        }
        if !isResumed {
            do {
                if let given { try RunFolder.checkIsFree(Paths.absolute(given)) }
                try Folders.checkRoom(for: Paths.folder(Paths.absolute(folder)))
            } catch {
                problems.append(("--out", "\(error): name another folder", plan.cells))
            }
        }
        let place = Folders.existing(Paths.absolute(folder)).place
        if let free = Folders.freeBytes(at: place), diskBytes > free {
            problems.append(
                (
                    "disk",
                    "the run \(isResumed ? "has yet to write" : "writes") \(text(diskBytes)), and \(text(free)) are free at "
                        + "\(place): make room" + (isResumed ? "" : ", or name another folder with --out"), plan.cells
                ))
        }
    }

    /// What is wrong with the input that a parameter names; nil for what is there and for parameters that name none.
    private mutating func fault(_ key: String, _ path: String) -> String? {
        let question = key + "\0" + path
        if let answer = known[question] { return answer }
        let names = key.split(separator: ".").map(String.init)
        let answer: String?
        switch names.last {
        case "csv": answer = StartObject.fault(file: path)
        case "image_dir": answer = StartObject.fault(folder: path)
        case "weights": answer = weights(path, of: names)
        default: answer = nil
        }
        known[question] = .some(answer)
        if answer == nil, ["csv", "image_dir", "folder", "weights"].contains(names.last) { inputs.append((key, path)) }
        return answer
    }

    private func weights(_ place: String, of names: [String]) -> String? {
        do {
            if options(of: names.dropLast()) != nil {
                // What its options say is looked at with them.
            } else if names.dropLast().contains("encoders"), !place.contains("/"), !place.contains(".") {
                // An encoder that a script will register may know names of its own.
            } else if encoders[place] == nil {
                _ = try HubCache.locate(place)
            }
            return nil
        } catch { return String(describing: error) }
    }

    private func text(_ problem: (key: String, message: String, cells: [Cell]), of count: Int) -> String {
        var text = problem.key
        if problem.key.hasPrefix("params."), let place = plan.config.place(of: problem.key) { text += " (\(place))" }
        text += ": " + problem.message
        if problem.cells.count < count, let first = problem.cells.first {
            text +=
                problem.cells.count == 1
                ? ", in the cell \(first.label)" : ", in \(problem.cells.count) cells, the first: \(first.label)"
        }
        return text
    }
}
