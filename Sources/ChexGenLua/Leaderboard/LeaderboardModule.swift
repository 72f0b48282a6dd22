import Files
import Identity
import LuaRuntime
import Metrics
import Results

/// `chexgen.leaderboard`: models with their numbers, published ones and one's own, in the order of a metric.
enum LeaderboardModule {
    static func declaration(_ session: ScriptContext) -> LuaModuleDeclaration {
        LuaModuleDeclaration(
            "chexgen.leaderboard",
            "Models in the order of a metric: the published rows of CheXGenBench, and one's own runs beside them. A row is a "
                + "table: `model`, `rank`, `size`, `year`, `protocol`, `published`, `source`, a field for each number under its "
                + "column's name (`row[\"FID (RadDino)\"]`), and `numbers`, where each has `value`, `low`, `high`, `floor`, `real`, "
                + "`synthetic`, `identity` and `direction` (`lower` or `higher` is better). Rows of one's own need a `model` and "
                + "numbers under their columns.",
            functions: [published, read(session), rank, kendall])
    }

    private static let rows = LuaParameter("rows", .list(.table), "Rows of `published` and `read`, or one's own.")
    private static let mixed = LuaParameter(
        "mixed", .boolean, default: .boolean(false), "Whether numbers of different identity stand in one order.")

    private static let published = LuaFunctionDeclaration(
        "published", returns: [LuaResult("rows", .list(.table), "Eleven models.")],
        "The models that CheXGenBench lists, by its FID in RAD-DINO's space, with size and year as published."
    ) { _ in [.table(LuaTable(array: LeaderboardRow.published.map { .table(table($0)) }))] }

    private static func read(_ session: ScriptContext) -> LuaFunctionDeclaration {
        LuaFunctionDeclaration(
            "read", [LuaParameter("folder", .string, "A run folder, or a folder of them.")],
            returns: [
                LuaResult("rows", .list(.table), "A row a run, or a row a cell of a sweep: that of all films."),
                LuaResult("missing", .list(.string), "What could not be read, or has no such row."),
            ], "The rows of runs, finished or not.",
            example: "local rows = leaderboard.read(\"runs\")"
        ) { arguments in
            let found = try LeaderboardRow.read(arguments.string("folder"))
            var seen: Set<String> = []
            for row in found.rows where seen.insert(row.source).inserted {
                for file in ["run.yaml", "results.jsonl"] { _ = try session.input(Paths.joined(row.source, file)) }
            }
            return [
                .table(LuaTable(array: found.rows.map { .table(table($0)) })),
                .table(LuaTable(array: found.missing.map { .string($0) })),
            ]
        }
    }

    private static let rank = LuaFunctionDeclaration(
        "rank",
        [
            rows, LuaParameter("metric", .string, "The column: `FID (RadDino)`."),
            MetricModule.options([
                mixed,
                LuaParameter(
                    "order", .choice(StatisticDirection.allCases.map(\.rawValue)), optional: true,
                    "Which values are better, for columns of one's own."),
            ]),
        ],
        returns: [
            LuaResult(
                "ranked", .list(.table),
                "The rows that have the number, best first: each with `place` (1 is best, equal values share one), `group`, "
                    + "`group_title`, `value` and, where it has them, `low`, `high`, `floor`, `real`, `synthetic`, `identity`, "
                    + "`direction` and `differs`."),
            LuaResult("groups", .integer, "How many orders there are."),
        ],
        "Puts rows in the order of a metric. Numbers of different identity (protocol, encoder, weights, preprocessing, dtype, "
            + "number of films, …) are different numbers: each kind has an order of its own, the published one first; with `mixed` "
            + "they share one, and `differs` says in what.",
        example: "local ranked = leaderboard.rank(leaderboard.published(), \"FID (RadDino)\")"
    ) { arguments in
        let (given, read) = try rows(arguments)
        let options = try arguments.options("options")
        let order = options.has("order") ? StatisticDirection(rawValue: try options.string("order")) : nil
        let board = try Leaderboard(
            read, by: arguments.string("metric"), order: order, isMixed: options.boolean("mixed"))
        let ranked = board.groups.enumerated().flatMap { index, group in
            group.entries.map { entry -> LuaValue in
                let row = LuaTable(
                    array: given[entry.row].array, fields: given[entry.row].fields.map { ($0.name, $0.value) })
                row["place"] = .integer(entry.place)
                row["group"] = .integer(index + 1)
                row["group_title"] = .string(group.title)
                for field in fields(entry.number) { row[field.0] = field.1 }
                row["differs"] = entry.difference.map { .string($0) } ?? .nil
                return .table(row)
            }
        }
        return [.table(LuaTable(array: ranked)), .integer(board.groups.count)]
    }

    private static let kendall = LuaFunctionDeclaration(
        "kendall",
        [
            rows,
            MetricModule.options([
                mixed,
                LuaParameter(
                    "replicates", .integer, default: .integer(1000), "How often models are drawn for an interval."),
                StatisticOptions.seed, StatisticOptions.level,
            ]),
        ],
        returns: [
            LuaResult(
                "pairs", .list(.table),
                "A table for each pair of numbers that three models or more have: `first`, `second`, `tau`, `models`, `left_out` "
                    + "(models whose numbers are of other identities) and, of four models or more, `low` and `high`.")
        ],
        "Whether metrics put models in the same order: Kendall's tau-b (Kendall, 1945), better before worse, with an interval over "
            + "models by the bootstrap. Only numbers of one identity are compared, that of most models, unless `mixed`."
    ) { arguments in
        let (_, read) = try rows(arguments)
        let given = try arguments.options("options")
        var options = Bootstrap.Options()
        options.replicates = try given.integer("replicates")
        options.seed = try MetricModule.seed(given)
        options.level = try given.number("level")
        let pairs = try MetricAgreement.all(read, isMixed: given.boolean("mixed"), options)
        return [
            .table(
                LuaTable(
                    array: pairs.map { pair in
                        .fields([
                            ("first", .string(pair.first)), ("second", .string(pair.second)),
                            ("tau", .number(pair.tau)),
                            ("low", .optional(pair.low)), ("high", .optional(pair.high)),
                            ("models", .integer(pair.models)),
                            ("left_out", .integer(pair.leftOut)),
                        ])
                    }))
        ]
    }

    // MARK: Rows as tables

    private static let words = [
        "model", "rank", "size", "year", "protocol", "published", "source", "numbers", "place", "group", "group_title",
        "value",
        "low", "high", "floor", "real", "synthetic", "identity", "direction", "differs",
    ]

    private static func fields(_ number: LeaderboardNumber) -> [(String, LuaValue)] {
        [
            ("value", .number(number.value)), ("low", .optional(number.low)), ("high", .optional(number.high)),
            ("floor", .optional(number.floor)), ("real", number.real.map { .integer($0) } ?? .nil),
            ("synthetic", number.synthetic.map { .integer($0) } ?? .nil),
            ("identity", (number.identity?.text).map { .string($0) } ?? .nil),
            ("direction", (number.direction?.rawValue).map { .string($0) } ?? .nil),
        ]
    }

    private static func table(_ row: LeaderboardRow) -> LuaTable {
        func text(_ value: String?) -> LuaValue { value.map { .string($0) } ?? .nil }
        func count(_ value: Int?) -> LuaValue { value.map { .integer($0) } ?? .nil }
        let table = LuaTable(fields: [
            ("model", .string(row.model)), ("rank", count(row.rank)), ("size", text(row.size)),
            ("year", count(row.year)),
            ("protocol", text(row.definition)), ("published", .boolean(row.isPublished)),
            ("source", .string(row.source)),
            ("numbers", .table(LuaTable(fields: row.numbers.map { ($0.metric, .fields(fields($0.number))) }))),
        ])
        for entry in row.numbers where !words.contains(entry.metric) {
            table[entry.metric] = .number(entry.number.value)
        }
        return table
    }

    private static func rows(_ arguments: LuaArguments) throws -> (tables: [LuaTable], rows: [LeaderboardRow]) {
        let tables = try arguments.list("rows").enumerated().map { index, value in
            guard let table = value.tableValue else { throw arguments.fail("rows", "row \(index + 1) is no table") }
            return table
        }
        return (
            tables,
            try tables.enumerated().map { index, table in
                func fail(_ message: String) -> LuaError { arguments.fail("rows", "row \(index + 1): \(message)") }
                guard let model = table["model"].stringValue else { throw fail("it names no model") }
                var numbers: [(metric: String, number: LeaderboardNumber)] = []
                for field in table["numbers"].tableValue?.fields ?? [] {
                    guard let item = field.value.tableValue, let value = item["value"].numberValue else {
                        throw fail("numbers[\"\(field.name)\"] has no value")
                    }
                    var identity: MetricIdentity?
                    if let text = item["identity"].stringValue {
                        do { identity = try MetricIdentity(text: text) } catch {
                            throw fail("numbers[\"\(field.name)\"]: \(error)")
                        }
                    }
                    var direction: StatisticDirection?
                    if let word = item["direction"].stringValue {
                        direction = StatisticDirection(rawValue: word)
                        guard direction != nil else {
                            throw fail("numbers[\"\(field.name)\"].direction: wanted lower or higher, got \(word)")
                        }
                    }
                    numbers.append(
                        (
                            field.name,
                            LeaderboardNumber(
                                value, low: item["low"].numberValue, high: item["high"].numberValue,
                                floor: item["floor"].numberValue, real: item["real"].integerValue,
                                synthetic: item["synthetic"].integerValue, identity: identity,
                                direction: direction)
                        ))
                }
                for field in table.fields where !words.contains(field.name) {
                    guard let value = field.value.numberValue, !numbers.contains(where: { $0.metric == field.name })
                    else { continue }
                    numbers.append((field.name, LeaderboardNumber(value)))
                }
                return LeaderboardRow(
                    model: model, rank: table["rank"].integerValue, size: table["size"].stringValue,
                    year: table["year"].integerValue, definition: table["protocol"].stringValue,
                    isPublished: table["published"].booleanValue == true, source: table["source"].stringValue ?? "",
                    numbers: numbers)
            }
        )
    }
}
