import Datasets
import LuaRuntime
import Tensors

/// A table of images as Lua holds it.
final class DatasetObject {
    let dataset: Dataset

    init(_ dataset: Dataset) { self.dataset = dataset }
}

/// One row of a table as Lua holds it; cells are read when a script asks for them.
final class RowObject {
    let dataset: Dataset
    let row: Int

    init(_ dataset: Dataset, _ row: Int) {
        self.dataset = dataset
        self.row = row
    }
}

/// `chexgen.dataset`: tables of radiographs with prompts and CheXpert labels. Methods are in `DatasetMethods.swift`.
enum DatasetModule {
    static func declaration(_ session: ScriptContext) -> LuaModuleDeclaration {
        LuaModuleDeclaration(
            "chexgen.dataset",
            "Tables of images with prompts, patients and CheXpert labels. A table never changes; methods give new ones. "
                + "Choices of rows equal pandas' and scikit-learn's for the same seed.",
            functions: [
                csv(session), FolderFunctions.folder(session), FolderFunctions.mimic(session), list, table,
                CSVFunction.declaration(session), write(session), pythonSample,
            ],
            constants: [
                LuaConstantDeclaration(
                    "pathologies", .list(.string), .list(Pathologies.names),
                    "The fourteen CheXpert names, in the reference's order.")
            ],
            classes: [DatasetMethods.declaration(session), DatasetMethods.rowClass])
    }

    private static let columns: [LuaParameter] = [
        LuaParameter("path", .string, "The table: CSV (RFC 4180), JSON or JSONL, each also compressed by gzip."),
        LuaParameter("image_dir", .string, optional: true, "The folder that image names are relative to."),
        LuaParameter("image", .string, optional: true, "The column with the image's name."),
        LuaParameter("prompt", .string, optional: true, "The column with the caption."),
        LuaParameter("labels", .string, optional: true, "The column with the CheXpert labels."),
        LuaParameter("id", .string, optional: true, "The column with the study's id."),
        LuaParameter(
            "patient", .string, optional: true, "The column with the patient's id; found by name where absent."),
    ]

    private static func csv(_ session: ScriptContext) -> LuaFunctionDeclaration {
        LuaFunctionDeclaration(
            "csv", [LuaParameter("options", .options(columns), "The file and what its columns are.")],
            returns: [LuaResult("dataset", .object("Dataset"), "The table.")],
            "Reads a table. A ragged row, an open quote or a column that is not there is an error that names it. As in pandas, a "
                + "first column without a name is `Unnamed: 0`, and blank lines are passed over; so are other columns without a "
                + "name, where they are empty. `ds.passed_over` counts both. The run pins the file as an input, unless it lies in "
                + "the run's own folder.",
            example: "local ds = dataset.csv{ path = \"test.csv\", image_dir = \"images\", image = \"path\" }"
        ) { arguments in
            let options = try arguments.options("options")
            func column(_ name: String) throws -> String? {
                let value = options.has(name) ? try options.string(name) : ""
                return value.isEmpty ? nil : value
            }
            let path = try session.input(options.string("path"))
            let isJSON = [".json", ".jsonl", ".json.gz", ".jsonl.gz"].contains { path.hasSuffix($0) }
            let open = isJSON ? Dataset.openJSON : Dataset.openCSV
            let roles = try TableRoles(
                imageDirectory: column("image_dir"), image: column("image"), prompt: column("prompt"),
                labels: column("labels"), id: column("id"), patient: column("patient"))
            let dataset: Dataset
            do {
                dataset = try open(path, roles)
            } catch let error as DatasetError {
                guard case .role(let role, _, _) = error else { throw error }
                throw options.fail(role, error.description)
            }
            let passedOver = dataset.passedOver.summary
            if !passedOver.isEmpty { session.folder?.log("\(path): passed over: \(passedOver)") }
            return [.object(DatasetObject(dataset))]
        }
    }

    private static let table = LuaFunctionDeclaration(
        "table",
        [
            LuaParameter("columns", .list(.string), "The names of the columns."),
            LuaParameter(
                "rows", .list(.list(.any)),
                "A list of texts, numbers, and false for nothing a row, as long as `columns`."),
        ],
        returns: [LuaResult("dataset", .object("Dataset"), "The table.")],
        "Makes a table of a script's values, for instance to write it."
    ) { arguments in
        let columns = try arguments.list("columns").compactMap(\.stringValue)
        let rows = try arguments.list("rows").map { row -> [String?] in
            try DatasetMethods.texts(row.tableValue?.array ?? [], arguments, "rows")
        }
        return [.object(DatasetObject(try Dataset.table(name: "table", columns: columns, rows: rows)))]
    }

    private static func write(_ session: ScriptContext) -> LuaFunctionDeclaration {
        LuaFunctionDeclaration(
            "write",
            [LuaParameter("dataset", .object("Dataset"), "The table."), LuaParameter("path", .string, "The file.")],
            "Writes a table as `ds:write` does, for instance one of a folder.",
            example: "dataset.write(dataset.folder{ path = \"films\" }, run:artifact \"films.csv\")"
        ) { arguments in
            let table = try arguments.object("dataset", as: DatasetObject.self).dataset
            try table.write(session.output(arguments.string("path")))
            return []
        }
    }

    private static let pythonSample = LuaFunctionDeclaration(
        "python_sample",
        [
            LuaParameter("size", .integer, "How many there are."), LuaParameter("n", .integer, "How many to draw."),
            LuaParameter("seed", .integer, default: .integer(42), "The seed."),
        ], returns: [LuaResult("numbers", .object("Tensor"), "i64 `[n]`, each from 1 to `size`, in the order drawn.")],
        "Draws without replacement as Python's `random.seed(seed); random.sample(population, n)`."
    ) { arguments in
        let (size, count) = (try arguments.integer("size"), try arguments.integer("n"))
        guard (0...1 << 31).contains(size) else { throw arguments.fail("size", "wanted 0 to 2^31, got \(size)") }
        guard (0...size).contains(count) else { throw arguments.fail("n", "wanted 0 to \(size), got \(count)") }
        var random = PythonRandom(seed: try arguments.integer("seed"))
        let drawn = try Tensor.sample(size, count: count, random: &random)
        return [.tensor(try Tensor.binary(.add, drawn, .integer(1)))]
    }

    private static let list = LuaFunctionDeclaration(
        "images", [LuaParameter("paths", .list(.string), "Image files.")],
        returns: [LuaResult("dataset", .object("Dataset"), "A table with the column `path`.")],
        "Makes a table of image files."
    ) { arguments in
        let paths = try arguments.list("paths").map { value -> String in
            guard let path = value.stringValue else {
                throw arguments.fail("paths", "wanted a list of strings, got \(value.kind) in it")
            }
            return path
        }
        let table = try Dataset.table(
            name: "images", columns: ["path"], rows: paths.map { [$0] }, imageDirectory: "", image: "path")
        return [.object(DatasetObject(table))]
    }
}

/// The roles of a table's columns.
private struct TableRoles {
    let imageDirectory, image, prompt, labels, id, patient: String?
}

extension Dataset {
    fileprivate static func openCSV(_ path: String, _ roles: TableRoles) throws -> Dataset {
        try csv(
            path: path, imageDirectory: roles.imageDirectory, image: roles.image, prompt: roles.prompt,
            labels: roles.labels, id: roles.id, patient: roles.patient)
    }

    fileprivate static func openJSON(_ path: String, _ roles: TableRoles) throws -> Dataset {
        try json(
            path: path, imageDirectory: roles.imageDirectory, image: roles.image, prompt: roles.prompt,
            labels: roles.labels, id: roles.id, patient: roles.patient)
    }
}
