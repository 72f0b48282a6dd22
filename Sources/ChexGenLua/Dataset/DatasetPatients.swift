import Datasets
import LuaRuntime

/// The methods of `Dataset` that tell whose films there are, and what two tables share.
enum DatasetPatients {
    static let methods: [DatasetMethods.Method] = [
        DatasetMethods.method(
            "patients",
            [
                LuaParameter(
                    "options",
                    .options([
                        LuaParameter(
                            "from", .choice(["table", "paths"]), default: .string("table"),
                            "`table`: the column of patients, and the image's path where it is blank; `paths`: the image's "
                                + "path alone, in the layout of MIMIC-CXR (`p10/p10000032/s50414267/…`).")
                    ]), default: .table(LuaTable()), "Where the names come from.")
            ],
            returns: [
                LuaResult(
                    "names", .oneOf([.list(.string), .any]), "A name a row, or nil where there is no such name at all."),
                LuaResult(
                    "unnamed", .oneOf([.list(.integer), .any]), "The rows that name no patient; nil where `names` is."),
            ],
            "The patient of every row, in one spelling: `10000032` for `p10000032`, `10000032` and `10000032.0`. A row without "
                + "a patient is a patient of its own, whose name no other row has."
        ) { table, arguments in
            let fromPaths = try arguments.options("options").string("from") == "paths"
            guard fromPaths || table.hasPatients, let found = try table.patients(pathsOnly: fromPaths) else {
                return [.nil]
            }
            return [.list(found.names), .table(LuaTable(array: found.unnamed.map { .integer($0 + 1) }))]
        },
        DatasetMethods.method(
            "shared",
            [
                LuaParameter("other", .object("Dataset"), "The other table."),
                LuaParameter("column", .string, "A column of both, such as that of the patients."),
            ],
            returns: [
                LuaResult("names", .list(.string), "The values that both have."),
                LuaResult("here", .integer, "How many different values this table has."),
                LuaResult("there", .integer, "How many the other one has."),
            ],
            "What two tables share of a column, compared as `ds:patients` spells names. A row without a value shares it with "
                + "no other. Where a bare number on one side may be a name that ends in it on the other (`7`, `patient00007`), "
                + "that is an error."
        ) { table, arguments in
            let other = try arguments.object("other", as: DatasetObject.self).dataset
            let shared = try table.shared(arguments.string("column"), with: other)
            return [.list(shared.names), .integer(shared.first), .integer(shared.second)]
        },
        DatasetMethods.method(
            "shared_films", [LuaParameter("other", .object("Dataset"), "The other table.")],
            returns: [LuaResult("films", .list(.table), "`path` here and `other_path` there of each.")],
            "The films that stand in both tables: one file, whatever path leads to it, or files of the same bytes. Rows without a film "
                + "are passed over."
        ) { table, arguments in
            let other = try arguments.object("other", as: DatasetObject.self).dataset
            let films = try table.sharedFilms(with: other).map { film in
                LuaValue.fields([("path", .string(film.path)), ("other_path", .string(film.otherPath))])
            }
            return [.table(LuaTable(array: films))]
        },
    ]
}
