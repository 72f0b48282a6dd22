import Files
import LuaRuntime

/// `dataset.write_csv`: how Lua modules write tables, so that none of them quotes by hand.
enum CSVFunction {
    static func declaration(_ session: ScriptContext) -> LuaFunctionDeclaration {
        LuaFunctionDeclaration(
            "write_csv",
            [
                LuaParameter("path", .string, "The file, whole or not at all."),
                LuaParameter(
                    "columns", .list(.string),
                    "The names of the columns; the first may be empty, as pandas writes an index."),
                LuaParameter(
                    "rows", .list(.table),
                    "A list of values a row, as long as `columns`; or a table of values by column, which is empty where it "
                        + "has none."),
                LuaParameter(
                    "options",
                    .options([
                        LuaParameter(
                            "dtype", .choice(["f32", "f64"]), default: .string("f64"),
                            "Whose numbers the floats are: they are written with the fewest digits that give them back."
                        ),
                        LuaParameter(
                            "shared", .boolean, default: .boolean(false),
                            "Whether it is a table that runs share, as `run:publish` writes them: below the working folder, too."
                        ),
                    ]), default: .table(LuaTable()), "How numbers are written."),
            ],
            "Writes values as pandas' `to_csv(index=False)`: quotes where a field needs them, `True` and `False`, `nan`.",
            example: "dataset.write_csv(run:artifact \"auc.csv\", { \"class\", \"auc\" }, { { \"Edema\", 0.91 } })"
        ) { arguments in
            let columns = try arguments.list("columns").compactMap(\.stringValue)
            guard !columns.isEmpty, columns != [""], !columns.dropFirst().contains(""),
                Set(columns).count == columns.count
            else {
                throw arguments.fail("columns", "wanted names, each another one")
            }
            if let fault = columns.lazy.compactMap(CSVWriter.fault(of:)).first {
                throw arguments.fail("columns", fault)
            }
            let options = try arguments.options("options")
            let isSingle = try options.string("dtype") == "f32"
            var lines = CSVWriter()
            lines.appendRow(columns)
            for (index, row) in try arguments.list("rows").enumerated() {
                for value in try cells(row, columns, index + 1, arguments) {
                    if let fault = value.string.flatMap(CSVWriter.fault(of:)) {
                        throw arguments.fail("rows", "row \(index + 1): \(fault)")
                    }
                    if case .number(let number) = value, isSingle {
                        lines.append(PythonNumber.text(Float(number)))
                    } else {
                        lines.append(value)
                    }
                }
                lines.endRow()
            }
            let path = try arguments.string("path")
            try AtomicFile.write(
                options.boolean("shared") ? session.shared(path) : session.output(path), lines.text)
            return []
        }
    }

    /// The values of a row in the order of the columns.
    private static func cells(
        _ row: LuaValue, _ columns: [String], _ number: Int, _ arguments: LuaArguments
    ) throws -> [JSON] {
        let table = row.tableValue ?? LuaTable()
        if table.array.isEmpty, !table.fields.isEmpty {
            let known = Set(columns)
            for field in table.fields where !known.contains(field.name) {
                throw arguments.fail("rows", "row \(number) has the field \"\(field.name)\", which is no column")
            }
            return try columns.map { try ConfigConversion.config(table[$0], name: "rows[\(number)].\($0)") }
        }
        guard table.array.count == columns.count, table.fields.isEmpty else {
            throw arguments.fail(
                "rows", "row \(number) has \(table.array.count) values for \(columns.count) columns")
        }
        return try table.array.enumerated().map { index, value in
            try ConfigConversion.config(value, name: "rows[\(number)][\(index + 1)]")
        }
    }
}
