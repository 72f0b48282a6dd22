import Datasets
import Files
import LuaRuntime
import Tensors

/// The classes `Dataset` and `Row` of Lua.
enum DatasetMethods {
    static func declaration(_ session: ScriptContext) -> LuaClassDeclaration {
        LuaClass<DatasetObject>.declaration(
            "Dataset",
            "A table of images. `#ds` is the number of rows, `ds[i]` a row, counted from 1.",
            methods: selecting + reading + DatasetPatients.methods + writing(session),
            properties: [
                .property("columns", .list(.string), "The names of the columns.") { .list($0.dataset.columns) },
                .property(
                    "passed_over", .table,
                    "What of the file is no part of the table: `blank_lines` and `empty_columns`."
                ) { object in
                    let passedOver = object.dataset.passedOver
                    return .fields([
                        ("blank_lines", .integer(passedOver.blankLines)),
                        ("empty_columns", .integer(passedOver.emptyColumns)),
                    ])
                },
            ],
            operators: [
                .len: .unary { .integer($0.dataset.count) },
                .tostring: .unary { object in
                    let table = object.dataset
                    return .string("Dataset(\(table.count) rows: \(table.columns.joined(separator: ", ")))")
                },
            ],
            index: { object, key in
                let table = object.dataset
                guard let index = key.integerValue else {
                    throw LuaError("Dataset has no member '\(key.stringValue ?? key.kind)'")
                }
                let row = index > 0 ? index - 1 : table.count + index
                guard index != 0, row >= 0, row < table.count else { return .nil }
                return .object(RowObject(table, row))
            })
    }

    typealias Method = LuaClass<DatasetObject>.Method

    private static let datasetResult = [LuaResult("dataset", .object("Dataset"), "A new table.")]

    static func method(
        _ name: String, _ parameters: [LuaParameter] = [], returns: [LuaResult] = datasetResult, _ text: String,
        _ body: @escaping (Dataset, LuaArguments) throws -> [LuaValue]
    ) -> Method {
        .method(name, parameters, returns: returns, text) { object, arguments in
            try body(object.dataset, arguments)
        }
    }

    static func wrap(_ dataset: Dataset) -> LuaValue { .object(DatasetObject(dataset)) }

    /// Cells as a list of Lua: a null is false, as a nil would end the list for `#`, `ipairs` and `table.unpack`.
    static func cells(_ texts: [String?]) -> LuaValue {
        .table(LuaTable(array: texts.map { $0.map { .string($0) } ?? .boolean(false) }))
    }

    /// Cells that a script gives: texts, numbers, and false for a null.
    static func texts(_ values: [LuaValue], _ arguments: LuaArguments, _ name: String) throws -> [String?] {
        try values.map { value in
            switch value {
            case .nil, .boolean(false): return nil
            case .string(let text):
                if let fault = CSVWriter.fault(of: text) { throw arguments.fail(name, fault) }
                return text
            case .integer(let number): return String(number)
            case .number(let number): return PythonNumber.text(number)
            default: throw arguments.fail(name, "wanted texts, numbers, and false for nothing, got \(value.kind) in it")
            }
        }
    }

    // MARK: Choosing rows

    private static let columnParameter = LuaParameter("column", .string, "The column.")

    private static let selecting: [Method] = [
        method("unique", [columnParameter], "Drops rows whose value occurred before (pandas `drop_duplicates`).") {
            table, arguments in [wrap(try table.unique(by: arguments.string("column")))]
        },
        method(
            "filter", [LuaParameter("keep", .function("fun(row: Row): boolean"), "Called with every row.")],
            "Keeps the rows for which the function returns true."
        ) { table, arguments in
            let keep = try arguments.function("keep")
            var rows: [Int] = []
            for row in 0..<table.count {
                if try keep.call([.object(RowObject(table, row))]).first?.isTruthy ?? false { rows.append(row) }
            }
            return [wrap(try table.select(rows: rows, as: "filter"))]
        },
        method(
            "with_label",
            [
                LuaParameter("name", .string, "A CheXpert label."),
                LuaParameter(
                    "value", .integer, optional: true, "1 positive, 0 negative, -1 uncertain, nil not mentioned."),
            ], "Keeps the rows with that value of a label."
        ) { table, arguments in
            let value = arguments.has("value") ? try arguments.integer("value") : nil
            return [wrap(try table.withLabel(arguments.string("name"), value: value))]
        },
        method(
            "where_in", [columnParameter, LuaParameter("values", .list(.any), "The wanted values.")],
            "Keeps the rows whose value is in the list (pandas `isin`); false in it, as `ds:column` gives it, stands for rows "
                + "without a value."
        ) { table, arguments in
            let values = try texts(arguments.list("values"), arguments, "values")
            return [wrap(try table.whereIn(arguments.string("column"), values))]
        },
        method("dropna", [columnParameter], "Drops rows without a value, as pandas understands null.") {
            table, arguments in [wrap(try table.dropna([arguments.string("column")]))]
        },
        method(
            "sample",
            [
                LuaParameter(
                    "options",
                    .options([
                        LuaParameter("n", .integer, "How many rows."),
                        LuaParameter("seed", .integer, default: .integer(42), "The seed."),
                    ]), "How many, and the seed.")
            ], "Draws rows without replacement: pandas `sample(n, random_state=seed)`, in the order drawn."
        ) { table, arguments in
            let options = try arguments.options("options")
            return [wrap(try table.sample(options.integer("n"), seed: options.integer("seed")))]
        },
        method(
            "split",
            [
                LuaParameter(
                    "options",
                    .options([
                        LuaParameter("test", .number, "The share of the test part, or how many rows it has."),
                        LuaParameter("seed", .integer, default: .integer(42), "The seed."),
                        LuaParameter("by", .string, optional: true, "A column whose values stay on one side."),
                    ]), "The share, the seed and the group.")
            ],
            returns: [
                LuaResult("train", .object("Dataset"), "The larger part."),
                LuaResult("test", .object("Dataset"), "The test part."),
            ], "Splits as scikit-learn's `train_test_split`; with `by`, no value of that column is on both sides."
        ) { table, arguments in
            let options = try arguments.options("options")
            let group = options.has("by") ? try options.string("by") : nil
            let number = try options.number("test")
            let share: SplitSize =
                Int(exactly: number).map { $0 >= 1 ? .count($0) : .fraction(number) } ?? .fraction(number)
            let parts = try table.split(test: share, seed: options.integer("seed"), by: group)
            return [wrap(parts.train), wrap(parts.test)]
        },
        method(
            "shard",
            [LuaParameter("i", .integer, "Which part, from 1."), LuaParameter("n", .integer, "How many parts.")],
            "One of n consecutive parts, cut as `numpy.array_split`."
        ) { table, arguments in [wrap(try table.shard(arguments.integer("i"), of: arguments.integer("n")))] },
        method("head", [LuaParameter("n", .integer, default: .integer(5), "How many.")], "The first rows.") {
            table, arguments in [wrap(try table.head(arguments.integer("n")))]
        },
        method("select", [LuaParameter("rows", .any, "A list or a tensor of row numbers, from 1.")], "Some rows.") {
            table, arguments in
            let rows = try TensorViewMethods.indexList(arguments.value("rows"), arguments).map {
                try arguments.position($0, name: "rows", count: table.count)
            }
            return [wrap(try table.select(rows: rows))]
        },
        method(
            "with_column",
            [
                LuaParameter("name", .string, "The column; one of that name is replaced."),
                LuaParameter("values", .list(.any), "One a row: a text, a number, or false for none."),
            ], "The table with a column more."
        ) { table, arguments in
            let values = try texts(arguments.list("values"), arguments, "values")
            return [wrap(try table.adding(column: arguments.string("name"), values))]
        },
        method(
            "concat", [LuaParameter("other", .object("Dataset"), "The rows to add; its columns must be the same.")],
            "The rows of both tables."
        ) { table, arguments in
            [wrap(try table.concat(arguments.object("other", as: DatasetObject.self).dataset))]
        },
    ]

    // MARK: Reading

    private static let reading: [Method] = [
        method(
            "column", [columnParameter],
            returns: [
                LuaResult(
                    "values", .list(.oneOf([.string, .boolean])), "One a row: a string, or false where there is none.")
            ],
            "The values of a column, as text. A row without a value (pandas' null) gives false, so that the list has no holes."
        ) { table, arguments in [cells(try table.column(arguments.string("column")))]
        },
        method(
            "image_paths", returns: [LuaResult("paths", .list(.string), "One a row.")],
            "The path of every row's image."
        ) { table, _ in [.list(try table.imagePaths())] },
        method(
            "positions", [LuaParameter("parent", .object("Dataset"), "A table that holds all rows of this one.")],
            returns: [LuaResult("rows", .object("Tensor"), "i64, counted from 1.")],
            "Where this table's rows stand in the table that they were chosen from."
        ) { table, arguments in
            let parent = try arguments.object("parent", as: DatasetObject.self).dataset
            let rows = try table.positions(in: parent).map { Int64($0 + 1) }
            return [.tensor(try Tensor(rows, shape: [rows.count]))]
        },
        method(
            "labels_tensor",
            [
                LuaParameter(
                    "options",
                    .options([
                        LuaParameter(
                            "uncertain", .number, optional: true, "What -1 becomes; without it -1 is an error."),
                        LuaParameter("missing", .number, optional: true, "What no mention becomes; else an error."),
                    ]), optional: true, "What the labels that are neither 0 nor 1 become.")
            ], returns: [LuaResult("labels", .object("Tensor"), "[N, 14] f32.")],
            "The labels as numbers, in the order of `dataset.pathologies`."
        ) { table, arguments in
            let options = arguments.has("options") ? try arguments.options("options") : nil
            let uncertain = options?.has("uncertain") == true ? try options?.number("uncertain") : nil
            let missing = options?.has("missing") == true ? try options?.number("missing") : nil
            return [
                .tensor(
                    try table.labelsMatrix(uncertain: uncertain.map(Float.init), missing: missing.map(Float.init)))
            ]
        },
        method(
            "rows", returns: [LuaResult("iterator", .function("fun(): integer, Row"), "For a `for` loop.")],
            "Iterates over the rows: `for i, row in ds:rows() do`."
        ) { table, _ in
            var next = 0
            return [
                .closure(
                    LuaClosure("rows") { _ in
                        guard next < table.count else { return [.nil] }
                        next += 1
                        return [.integer(next), .object(RowObject(table, next - 1))]
                    })
            ]
        },
    ]

    private static func writing(_ session: ScriptContext) -> [Method] {
        [
            method(
                "write", [LuaParameter("path", .string, "The file.")], returns: [],
                "Writes the table as pandas' `to_csv(index=False)` does, whole or not at all."
            ) { table, arguments in
                try table.write(session.output(arguments.string("path")))
                return []
            }
        ]
    }

    // MARK: Rows

    static let rowClass = LuaClass<RowObject>.declaration(
        "Row",
        "A row of a table: `row.COLUMN` is the cell's text, or nil. `row.labels.Edema` is 1, 0, -1 or nil.",
        properties: [
            .property("image_path", .string, "The path of the row's image.") { row in
                .string(try row.dataset.imagePath(row.row))
            },
            .property("labels", .dictionary(.integer), "The labels that the row mentions.") { row in
                let states = try row.dataset.labels(row.row).all
                var fields: [(String, LuaValue)] = []
                for (name, state) in zip(Pathologies.names, states) {
                    if let value = state.value { fields.append((name, .integer(value))) }
                }
                return .fields(fields)
            },
        ],
        operators: [
            .tostring: .unary { row in
                let cells = try row.dataset.columns.map { "\($0)=\(try row.dataset.cell(row.row, $0) ?? "nil")" }
                return .string("Row(\(cells.joined(separator: ", ")))")
            }
        ],
        index: { row, key in
            guard let name = key.stringValue else { return .nil }
            return .optional(try row.dataset.cell(row.row, name))
        })
}
