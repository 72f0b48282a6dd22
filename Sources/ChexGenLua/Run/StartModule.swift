import Checkpoints
import Datasets
import Files
import Foundation
import LuaRuntime
import Runs
import Tensors

/// What an experiment's `check` function receives: one cell before the run folder is made, and where problems are told.
public final class StartObject {
    let cell: Cell
    let session: ScriptContext
    /// What was found, in order; the key is that of the parameter, where one is known.
    public fileprivate(set) var problems: [(key: String, message: String)] = []
    /// Bytes that the cell says it will write.
    public fileprivate(set) var diskBytes = 0
    /// Bytes of memory that the cell says it takes.
    public fileprivate(set) var memoryBytes = 0

    /// A cell that has not begun.
    public init(cell: Cell, _ session: ScriptContext) {
        self.cell = cell
        self.session = session
    }

    /// What is wrong with a file of a table; nil for one that is there and may be read.
    public static func fault(file path: String) -> String? {
        do {
            _ = try FileIdentity(of: path)
            guard access(path, R_OK) == 0 else { return "\(path): it may not be read" }
            return nil
        } catch { return String(describing: error) }
    }

    /// What is wrong with a folder of images; nil for one that is there.
    public static func fault(folder path: String) -> String? {
        if Folders.isFolder(path) { return nil }
        return FileManager.default.fileExists(atPath: path)
            ? "\(path): a file, and a folder of images is wanted" : "\(path): no such folder"
    }

    fileprivate func add(_ key: String, _ message: String) { problems.append((key, message)) }

    /// The key of the first parameter with this value; the parameters' own where there is none.
    fileprivate func key(of value: String) -> String { Self.key(of: value, in: cell.params, "params") ?? "params" }

    private static func key(of value: String, in node: JSON, _ place: String) -> String? {
        if node.string == value { return place }
        for member in node.object ?? [] {
            if let found = key(of: value, in: member.value, "\(place).\(member.key)") { return found }
        }
        return nil
    }

    /// The keys of a column that a table lacks: the parameters beside the table's own that name it, or the table's.
    fileprivate func keys(ofColumn column: String, table key: String) -> [String] {
        var group = cell.params
        let names = key.split(separator: ".").map(String.init)
        for name in names.dropFirst().dropLast() {
            group = group.object?.first { $0.key == name }?.value ?? .null
        }
        let beside = names.dropLast().joined(separator: ".")
        let found = (group.object ?? []).filter { $0.value.string == column }.map { "\(beside).\($0.key)" }
        return found.isEmpty ? [key] : found
    }
}

/// The class `Start` of Lua.
enum StartModule {

    private static let key = LuaParameter(
        "key", .string, default: .string(""),
        "The parameter, such as `train.csv`; without it, the first one with this value.")

    private static func named(_ start: StartObject, _ arguments: LuaArguments, of path: String) throws -> String {
        let key = try arguments.string("key")
        return key.isEmpty ? start.key(of: path) : "params." + key
    }

    static let declaration = LuaClass<StartObject>.declaration(
        "Start",
        "One cell of a run before anything is made, as an experiment's `check` function receives it. All problems of all cells are "
            + "told together, and the run does not begin.",
        methods: [
            .method(
                "problem",
                [
                    LuaParameter("text", .string, "What is wrong, and what to do."),
                    LuaParameter("key", .string, default: .string(""), "The parameter, such as `train.csv`."),
                ], "Tells a problem.", example: "start:problem(\"wanted 0 to 1\", \"synthetic_share\")"
            ) { start, arguments in
                let key = try arguments.string("key")
                start.add(key.isEmpty ? "params" : "params." + key, try arguments.string("text"))
                return []
            },
            .method(
                "table",
                [
                    LuaParameter("path", .string, "The table."),
                    LuaParameter(
                        "columns", .list(.string), default: .table(LuaTable()),
                        "Columns that it must have; those with empty names are passed over."), key,
                    LuaParameter(
                        "films",
                        .options([
                            LuaParameter("image", .string, "The column of their paths."),
                            LuaParameter(
                                "image_dir", .string, default: .string(""),
                                "The folder that these are relative to; that of the table where empty."),
                            LuaParameter(
                                "key", .string, default: .string(""),
                                "The parameter with that folder; the table's where empty."),
                        ]), optional: true, "The films that the run will read, of which one at least must be there."),
                ],
                returns: [
                    LuaResult("rows", .integer, "How many rows it has; nil where it cannot be read or lacks a column.")
                ],
                "A table that the run will read, with its columns.",
                example: "local rows = start:table(p.csv, { p.image, p.labels }, \"csv\", { image = p.image })", table),
            .method(
                "results", [LuaParameter("path", .string, "The folder."), key],
                "A folder that the run will write shared tables to: that it is there or can be made, and written in."
            ) { start, arguments in
                let path = try arguments.string("path")
                do { try Folders.checkRoom(for: path) } catch {
                    start.add(try named(start, arguments, of: path), "\(error)")
                }
                return []
            },
            .method(
                "image_text",
                [
                    LuaParameter("name", .string, "The model, as of `model.image_text`."),
                    LuaParameter("options", .dictionary(.any), "As of `model.image_text`."),
                    LuaParameter("key", .string, "The parameter with the options, such as `encoders.biovil-t`."),
                ],
                "An image-text model that the run will open: whether its files are there, and names and shapes of its weights are "
                    + "those of the network. No value is read.",
                example: "start:image_text(\"biovil-t\", p.encoders[\"biovil-t\"], \"encoders.biovil-t\")", imageText),
            .method(
                "folder", [LuaParameter("path", .string, "The folder."), key],
                "A folder that the run will read images of."
            ) {
                start, arguments in
                let path = try arguments.string("path")
                if let message = StartObject.fault(folder: path) {
                    start.add(try named(start, arguments, of: path), message)
                }
                return []
            },
            .method(
                "images",
                [
                    LuaParameter("path", .string, "The folder."),
                    LuaParameter(
                        "options", .options(FolderFunctions.options), default: .table(LuaTable()),
                        "As of `dataset.folder`."), key,
                ], returns: [LuaResult("images", .integer, "How many images it has; nil after a problem.")],
                "A folder that the run will read as a table, as `dataset.folder` does.",
                example: "local films = start:images(p.folder, { pattern = \"*.png\" }, \"folder\")"
            ) { start, arguments in
                let path = try arguments.string("path")
                let options = try arguments.options("options")
                do {
                    _ = try FolderFunctions.pattern(options)
                } catch {
                    // The pattern stands beside the folder.
                    let key = try named(start, arguments, of: path)
                    let beside = Paths.withoutEnding(key) + ".pattern"
                    start.add(key.hasSuffix(".folder") ? beside : key, "\(error)")
                    return [.nil]
                }
                do {
                    let found = try FolderFunctions.read(path, options)
                    return [.integer(found.table.dataset.count)]
                } catch {
                    if Cancellation.isRequested { throw error }
                    start.add(try named(start, arguments, of: path), "\(error)")
                    return [.nil]
                }
            },
            .method(
                "weights",
                [
                    LuaParameter("path", .string, "A file, a folder or a Hub name."), key,
                    LuaParameter(
                        "options",
                        .options([
                            LuaParameter("file", .string, optional: true, "A file that must be in the folder."),
                            LuaParameter(
                                "known", .list(.string), optional: true, "Names that may have been meant instead."),
                        ]), optional: true, "What else is looked at."),
                ],
                returns: [LuaResult("found", .boolean, "Whether they are there.")],
                "Weights that the run will load.",
                example: "start:weights(p.model, \"model\", { file = \"model_index.json\" })"
            ) { start, arguments in
                let path = try arguments.string("path")
                let key = try named(start, arguments, of: path)
                let options = arguments.has("options") ? try arguments.options("options") : nil
                let file = try options.flatMap { $0.has("file") ? try $0.string("file") : nil }
                let known = try options.flatMap { $0.has("known") ? try $0.list("known") : nil } ?? []
                do {
                    // First the whole, so that what is missing is not one file of it.
                    _ = try HubCache.locate(path)
                    if let file { _ = try HubCache.locate(path, file: file) }
                } catch {
                    let near = nearest(path, among: known.compactMap(\.stringValue))
                    start.add(key, "\(error)" + (near.map { "\nor did you mean the registered model '\($0)'?" } ?? ""))
                    return [.boolean(false)]
                }
                return [.boolean(true)]
            },
            .method(
                "needs",
                [
                    LuaParameter(
                        "disk", .integer, "Bytes that the cell will write into the run folder; 0 where unknown."),
                    LuaParameter("memory", .integer, default: .integer(0), "Bytes that it takes at the same time."),
                ],
                "What the cell takes: compared with the free space of the disk, for all cells together, and with the memory limit. "
                    + "Of several calls the disk's bytes add up, and the most memory counts. Of a run that is resumed, what a cell "
                    + "has written before is taken off."
            ) { start, arguments in
                func bytes(_ name: String) throws -> Int {
                    let count = try arguments.integer(name)
                    guard (0...(1 << 60)).contains(count) else {
                        throw arguments.fail(name, "no number of bytes: \(count)")
                    }
                    return count
                }
                let (disk, memory) = (try bytes("disk"), try bytes("memory"))
                start.diskBytes = min(start.diskBytes, 1 << 60) + disk
                start.memoryBytes = max(start.memoryBytes, memory)
                return []
            },
        ],
        properties: [
            .property("params", .table, "The parameters of the cell; read-only.") {
                ConfigConversion.lua($0.cell.params, isReadOnly: true)
            },
            .property("seed", .integer, "The seed of the cell.") { .integer($0.cell.seed) },
            .property("dtype", .string, "The dtype that the cell's models compute in where nothing else is said.") {
                .string($0.cell.dtype)
            },
        ])

    private static let table: (StartObject, LuaArguments) throws -> [LuaValue] = { start, arguments in
        let path = try arguments.string("path")
        let key = try named(start, arguments, of: path)
        if let message = StartObject.fault(file: path) {
            start.add(key, message)
            return [.nil]
        }
        let found: Dataset
        do {
            let isJSON = [".json", ".jsonl", ".json.gz", ".jsonl.gz"].contains { path.hasSuffix($0) }
            found = try isJSON ? Dataset.json(path: path) : Dataset.csv(path: path)
        } catch {
            if Cancellation.isRequested { throw error }
            start.add(key, "\(error)")
            return [.nil]
        }
        let columns = found.columns
        let missing = try arguments.list("columns").compactMap(\.stringValue).filter {
            // Opened without a column of labels, it has those of the fourteen columns.
            !$0.isEmpty && !columns.contains($0) && !($0 == Dataset.usualLabelColumn && found.hasLabels)
        }
        for column in missing {
            let near = nearest(column, among: columns).map { "did you mean \"\($0)\"? It" } ?? "it"
            for key in start.keys(ofColumn: column, table: key) {
                start.add(
                    key, "\(path): no column \"\(column)\"; \(near) has: \(columns.joined(separator: ", "))")
            }
        }
        if missing.isEmpty, arguments.has("films"), let fault = try films(arguments.options("films"), of: found, key) {
            start.add(fault.key, fault.message)
        }
        return [missing.isEmpty ? .integer(found.count) : .nil]
    }

    /// What is wrong with a table's films, where none of them is there; those of some rows may be: of which the run takes its rows is
    /// not known here.
    private static func films(
        _ options: LuaArguments, of found: Dataset, _ key: String
    ) throws -> (key: String, message: String)? {
        let column = try options.string("image")
        let folder = try options.string("image_dir")
        guard !column.isEmpty, found.columns.contains(column) else { return nil }
        let directory = folder.isEmpty ? Paths.dirname(found.name) : folder
        // A folder that is not there is told as such.
        if !folder.isEmpty && !Folders.isFolder(folder) { return nil }
        var first: String?
        for (row, name) in try found.column(column).enumerated() {
            if row % 1024 == 0 { try Cancellation.check() }
            guard let name else { continue }
            let path = Dataset.imagePath(name, in: directory)
            if access(path, F_OK) == 0 { return nil }
            first = first ?? path
        }
        // Rows without a film are the pass's to tell.
        guard let first else { return nil }
        let place = try options.string("key")
        return (
            folder.isEmpty || place.isEmpty ? key : "params." + place,
            "\(folder.isEmpty ? found.name : folder): none of the \(found.count) images of column \"\(column)\" is there, such as "
                + first + (folder.isEmpty ? "; image_dir says where they lie" : "")
        )
    }

    private static let imageText: (StartObject, LuaArguments) throws -> [LuaValue] = { start, arguments in
        let name = try arguments.string("name")
        let known = start.session.known.imageTexts
        guard let entry = known[name] else { throw arguments.fail("name", known.unknown(name).description) }
        let weights = try arguments.table("options")["weights"]
        // Another kind of value is told with the options.
        guard weights.isNil || weights.stringValue != nil else { return [] }
        // So is a place that is none.
        if let place = weights.stringValue, (try? HubCache.locate(place)) == nil { return [] }
        do { try entry.look(entry.folder(weights.stringValue)) } catch {
            start.add(
                "params." + (try arguments.string("key")) + (weights.isNil ? "" : ".weights"), String(describing: error)
            )
        }
        return []
    }
}
