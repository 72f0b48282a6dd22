import Checkpoints
import Files
import Foundation
import Identity
import LuaRuntime
import Runs
import Tensors

/// The run as an experiment's `run` function receives it.
public final class RunObject {
    let session: ScriptContext
    let folder: RunFolder
    let cell: Cell

    /// One cell of a run.
    public init(session: ScriptContext, folder: RunFolder, cell: Cell) {
        self.session = session
        self.folder = folder
        self.cell = cell
    }
}

/// A progress bar as Lua holds it.
final class ProgressObject: LuaClosable {
    let progress: Runs.Progress

    init(_ progress: Runs.Progress) { self.progress = progress }

    func close() { progress.finish() }
}

/// `chexgen.run`: the class of the object that an experiment's `run` function receives.
enum RunModule {
    static let declaration = LuaModuleDeclaration(
        "chexgen.run", "What an experiment's `run` function receives: its parameters and the run folder.",
        functions: [], classes: [runClass, progressClass, StartModule.declaration])

    private static let runClass = LuaClass<RunObject>.declaration(
        "Run", "One cell of a run.",
        methods: [
            .method(
                "record",
                [
                    LuaParameter("row", .table, "Columns by name; values are numbers, strings, booleans or nil."),
                    LuaParameter(
                        "columns", .list(.string), optional: true,
                        "The order of the columns, of which the row may lack some; without it they are sorted by name."),
                ],
                "Adds a row of results, on the disk when this returns: in the journal, and soon in `results.csv` and `results.jsonl`, "
                    + "which hold every row when the cell ends. A killed run loses no row; `--resume` writes them. `results.csv` "
                    + "has the columns of which some row has a value. A number `x` with `x low`, `x high`, `x floor` or "
                    + "`x identity` beside it stands in `results_long.csv`, too, a line a number. `x direction`, `lower` or `higher`, "
                    + "tells pages and leaderboards which values are better, and stands in `results.jsonl` alone; of a statistic "
                    + "it follows from `x identity`.",
                example: "run:record{ fid = 54.2, pathology = \"Edema\" }", record),
            .method(
                "once",
                [
                    LuaParameter("key", .string, "A name, unique in the cell."),
                    LuaParameter("compute", .function("fun(): any"), "Returns the value."),
                ], returns: [LuaResult("value", .any, "What `compute` returned, now or before the crash.")],
                "Computes a value once: after a crash and `--resume` it is read back. It may hold tensors.",
                example: "local f = run:once(\"features\", function() return encoder:features(ds) end)"
            ) { run, arguments in
                try OnceValues.value(
                    run, key: arguments.string("key"), compute: arguments.function("compute"))
            },
            .method(
                "progress",
                [
                    LuaParameter("total", .integer, "How many steps there will be."),
                    LuaParameter("label", .string, default: .string(""), "What they are."),
                ], returns: [LuaResult("progress", .object("Progress"), "The bar.")],
                "A progress bar with rate and time left on a terminal, lines elsewhere."
            ) { run, arguments in
                let bar = run.folder.progress(
                    total: try arguments.integer("total"), label: try arguments.string("label"))
                return [.object(ProgressObject(bar))]
            },
            .method(
                "log",
                [
                    LuaParameter("format", .string, "As of `string.format`."),
                    LuaParameter("values", .variadic(.any), "The values."),
                ], "Writes a line to the terminal and to `run.log`."
            ) { run, arguments in
                run.folder.log(try LuaFormat.text(arguments.string("format"), arguments.rest))
                return []
            },
            .method(
                "artifact",
                [
                    LuaParameter("name", .string, "A relative path."),
                    LuaParameter(
                        "shared", .boolean, default: .boolean(false),
                        "In a sweep: the same file for all cells, rather than one in the cell's own folder."),
                ],
                returns: [LuaResult("path", .string, "Where to write the file.")], "A path in the run folder."
            ) { run, arguments in
                let isShared = try arguments.boolean("shared")
                return [
                    .string(
                        try run.folder.artifact(arguments.string("name"), cell: isShared ? nil : run.cell))
                ]
            },
            .method(
                "publish",
                [
                    LuaParameter(
                        "path", .string,
                        "A CSV table that several runs share, such as `Results/….csv`: below the working folder, or where scripts may write."
                    ),
                    LuaParameter("cells", .list(.any), "Pairs of column and value, in order."),
                    LuaParameter(
                        "options",
                        .options([
                            LuaParameter(
                                "identities", .dictionary(.string), optional: true,
                                "By column: what its number is, as `metric.measure` and `metric.identity` say it."),
                            LuaParameter(
                                "among", .list(.string), optional: true,
                                "Columns by whose cells rows are told apart that are not compared, such as `Pathology`."
                            ),
                            LuaParameter(
                                "on_other_identity", .choice(PublishedRow.OtherIdentity.allCases.map(\.rawValue)),
                                default: .string("refuse"),
                                "What happens where the table's numbers have other identities: an error, or a note in the "
                                    + "column `Other identity`."),
                        ]), default: .table(LuaTable()), "What the numbers are."),
                ],
                "Appends a row to a shared table; the table is written whole, and once even after a crash. Identities stand in a "
                    + "file of JSON lines beside it, `….identities.jsonl`.", publish),
        ],
        properties: [
            .property("params", .table, "The parameters after the YAML, `--set` and the sweep's cell; read-only.") {
                ConfigConversion.lua($0.cell.params, isReadOnly: true)
            },
            .property("seed", .integer, "The seed.") { .integer($0.cell.seed) },
            .property("dir", .string, "The run folder.") { .string($0.folder.path) },
            .property("name", .string, "The run's name.") { .string($0.folder.name) },
            .property("cell", .table, "The sweep's values in this cell; read-only.") {
                ConfigConversion.lua(.object($0.cell.settings), isReadOnly: true)
            },
            .property(
                "cells", .list(.table),
                "Every cell of the run, in order: `name`, `values` (the sweep's), `state` (`pending`, `running`, `done`, "
                    + "`failed` or `interrupted`), `message` (why it failed) and `artifacts` (the folder of its files); "
                    + "read-only."
            ) { cells($0) },
        ])

    private static func cells(_ run: RunObject) -> LuaValue {
        let cells = run.folder.plan.cells.map { cell in
            let state = run.folder.state(of: cell)
            var message = LuaValue.nil
            if case .failed(let reason) = state { message = .string(reason) }
            return LuaValue.fields([
                ("name", .string(cell.name)), ("values", ConfigConversion.lua(.object(cell.settings))),
                ("state", .string(state.word)), ("message", message),
                ("artifacts", .string(run.folder.artifactsFolder(of: cell))),
            ])
        }
        let table = LuaTable(array: cells)
        table.isReadOnly = true
        return .table(table)
    }

    private static let record: (RunObject, LuaArguments) throws -> [LuaValue] = { run, arguments in
        let table = try arguments.table("row")
        guard table.array.isEmpty else { throw arguments.fail("row", "wanted named fields, got list items") }
        var row: [(String, JSON)] = []
        if arguments.has("columns") {
            for value in try arguments.list("columns") {
                guard let name = value.stringValue else {
                    throw arguments.fail("columns", "wanted strings, got \(value.kind)")
                }
                row.append((name, try ConfigConversion.config(table[name], name: name)))
            }
            let listed = Set(row.map(\.0))
            for field in table.fields where !listed.contains(field.name) {
                throw arguments.fail("columns", "the row's field '\(field.name)' is not in the list of columns")
            }
        } else {
            row = try table.fields.map { ($0.name, try ConfigConversion.config($0.value, name: $0.name)) }
        }
        try check(row, "row", arguments)
        row.removeAll { $0.0.hasSuffix(direction) && $0.1 == .null }
        try run.folder.record(row + directions(of: row, run.session), cell: run.cell)
        return []
    }

    /// Refuses what no table can hold.
    private static func check(_ row: [(String, JSON)], _ argument: String, _ arguments: LuaArguments) throws {
        for (name, value) in row {
            if let fault = CSVWriter.fault(of: name) ?? CSVWriter.fault(of: CSVWriter.text(value)) {
                throw arguments.fail(argument, "\(name): \(fault)")
            }
        }
    }

    /// What the name of a column ends in that says which values of another are better. It is there where something says so.
    private static let direction = " direction"

    /// Which values of a row's statistics are better, for readers of the run: what the statistic of an identity says.
    private static func directions(of row: [(String, JSON)], _ session: ScriptContext) -> [(String, JSON)] {
        let given = Set(row.map(\.0))
        return row.compactMap { name, value -> (String, JSON)? in
            guard name.hasSuffix(" identity"), let text = value.string, let identity = try? MetricIdentity(text: text),
                let statistic = session.statistics[identity.metric]
            else { return nil }
            let column: String = name.dropLast(" identity".count) + direction
            return given.contains(column) ? nil : (column, .string(statistic.direction.rawValue))
        }
    }

    private static let publish: (RunObject, LuaArguments) throws -> [LuaValue] = { run, arguments in
        let path = try run.session.shared(arguments.string("path"))
        let row = try arguments.list("cells").map { value -> (String, JSON) in
            guard let pair = value.tableValue, let column = pair.array.first?.stringValue else {
                throw arguments.fail("cells", "wanted pairs { column, value }")
            }
            let cell = pair.array.count > 1 ? pair.array[1] : .nil
            return (column, try ConfigConversion.config(cell, name: column))
        }
        try check(row, "cells", arguments)
        let options = try arguments.options("options")
        let identities = options.has("identities") ? try options.table("identities").fields : []
        let published = PublishedRow(
            row,
            identities: try identities.map { field in
                do {
                    return (field.name, try MetricIdentity(text: field.value.stringValue ?? ""))
                } catch { throw options.fail("identities.\(field.name)", "\(error)") }
            },
            among: options.has("among") ? try options.list("among").compactMap(\.stringValue) : [],
            onOtherIdentity: PublishedRow.OtherIdentity(rawValue: try options.string("on_other_identity")) ?? .refuse)
        try run.folder.append(toTable: path, published, cell: run.cell)
        return []
    }

    private static let progressClass = LuaClass<ProgressObject>.declaration(
        "Progress", "A progress bar.",
        methods: [
            .method(
                "step",
                [
                    LuaParameter("n", .integer, default: .integer(1), "How many steps were done."),
                    LuaParameter("note", .string, optional: true, "What is going on: stands behind the figures."),
                ],
                returns: [LuaResult("progress", .object("Progress"), "The bar itself.")], "Moves the bar on."
            ) { bar, arguments in
                bar.progress.step(
                    try arguments.integer("n"), note: arguments.has("note") ? try arguments.string("note") : nil)
                return [.object(bar)]
            },
            .method(
                "skip", [LuaParameter("n", .integer, "How many steps were done before.")],
                returns: [LuaResult("progress", .object("Progress"), "The bar itself.")],
                "Moves the bar on by what an earlier run did: rate and time left are those of the other steps."
            ) { bar, arguments in
                bar.progress.skip(try arguments.integer("n"))
                return [.object(bar)]
            },
        ])
}
