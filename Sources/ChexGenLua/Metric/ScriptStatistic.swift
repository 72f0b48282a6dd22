import LuaRuntime
import Metrics

/// A statistic whose value a function of a script gives.
struct ScriptStatistic: Statistic, @unchecked Sendable {
    static let parameters: [LuaParameter] = [
        LuaParameter("name", .string, "For scripts and identities."),
        LuaParameter("column", .string, "Its column in tables, before an encoder's ending."),
        LuaParameter(
            "value", .function("fun(real: Tensor, synthetic: Tensor, settings: table): number"),
            "Gets the features `[N, D]` and `[M, D]` of some rows, and the settings `protocol`, `seed`, `k` and its own; gives a "
                + "finite number. It is called for the whole sets, for halves of them and for parts of the real set. `real` is nil "
                + "where `compares_with_real` is false."),
        LuaParameter("about", .string, default: .string("A function of a script."), "What it is, in a sentence."),
        LuaParameter(
            "direction", .choice(StatisticDirection.allCases.map(\.rawValue)), default: .string("lower"),
            "Which values are better."),
        LuaParameter(
            "input", .choice(StatisticInput.allCases.map(\.rawValue)), default: .string("features"),
            "Which features: those of every encoder, of the one for `neighbours` or for `logits`, or `radiomics`."),
        LuaParameter(
            "size_bias", .choice(SizeBias.allCases.map(\.rawValue)), default: .string("slow"),
            "How its expected value depends on the number of images: `none`; `distance`, which is 0 between endless sets of one "
                + "distribution and off by a term in 1/N; `inverse`, another limit with such a term; `slow`."),
        LuaParameter(
            "compares_with_real", .boolean, default: .boolean(true), "Whether it looks at the real set, too."),
        LuaParameter("least_rows", .integer, default: .integer(2), "The fewest rows of each set."),
        LuaParameter("low", .number, optional: true, "The lowest value that occurs; 0 of a `distance` where absent."),
        LuaParameter("high", .number, optional: true, "The highest value that occurs."),
        LuaParameter(
            "estimator", .string, default: .string("script"),
            "The estimator, for identities, which hold the beginning of a hash of the script's files behind it."),
        LuaParameter(
            "settings", .list(.table), optional: true,
            "Settings of its own, which become part of its identity: a list of tables of `name`, `default`, `low`, `high` and "
                + "`about`, a sentence. Whole numbers where `default`, `low` and `high` are integers."),
    ]

    let name: String
    let column: String
    let about: String
    let direction: StatisticDirection
    let input: StatisticInput
    let comparesWithReal: Bool
    let range: ClosedRange<Double>
    let sizeBias: SizeBias
    let ownSettings: [StatisticSetting]
    private let estimatorText: String
    private let least: Int
    private let function: LuaFunction

    init(_ entry: LuaArguments, _ host: LuaHost) throws {
        name = try entry.string("name")
        column = try entry.string("column")
        about = try entry.string("about")
        direction = StatisticDirection(rawValue: try entry.string("direction")) ?? .lower
        input = StatisticInput(rawValue: try entry.string("input")) ?? .features
        sizeBias = SizeBias(rawValue: try entry.string("size_bias")) ?? .slow
        comparesWithReal = try entry.boolean("compares_with_real")
        least = try entry.integer("least_rows")
        function = try entry.function("value")
        // Another formula under the same name is another estimator.
        let named = try entry.string("estimator")
        let hash = host.scriptHash(of: [function], andCaller: host.caller).map { " " + $0.prefix(12) } ?? ""
        estimatorText = named == "script" ? named + hash : hash.isEmpty ? named : "\(named), script\(hash)"
        let low = entry.has("low") ? try entry.number("low") : sizeBias == .distance ? 0 : -.infinity
        let high = entry.has("high") ? try entry.number("high") : .infinity
        guard low <= high else { throw entry.fail("low", "wanted at most `high`, \(high), got \(low)") }
        guard least >= 1 else { throw entry.fail("least_rows", "wanted 1 or more, got \(least)") }
        range = low...high
        ownSettings = entry.has("settings") ? try entry.list("settings").map { try Self.setting($0, entry) } : []
    }

    private static func setting(_ value: LuaValue, _ entry: LuaArguments) throws -> StatisticSetting {
        guard let table = value.tableValue, let name = table["name"].stringValue,
            let standard = table["default"].numberValue, let low = table["low"].numberValue,
            let high = table["high"].numberValue, low <= high
        else {
            throw entry.fail("settings", "wanted tables of name, default, low and high, low at most high")
        }
        let about = try table["about"].stringValue ?? "A setting of \(entry.string("name"))."
        if case .integer(let standard) = table["default"], case .integer(let low) = table["low"],
            case .integer(let high) = table["high"]
        {
            return StatisticSetting(name, default: standard, in: low...high, about)
        }
        return StatisticSetting(name, default: standard, in: low...high, about)
    }

    func estimator(_ settings: StatisticSettings) -> String { estimatorText }
    func leastRows(_ settings: StatisticSettings) -> Int { least }

    func value(_ sample: Sample, _ settings: StatisticSettings) throws -> Double {
        let given = LuaValue.fields(
            [
                ("protocol", .string(settings.definition.rawValue)), ("seed", .integer(Int(settings.seed))),
                ("k", .integer(settings.nearest)),
            ] + ownSettings.filter { $0 != .nearest }.map { ($0.name, StatisticOptions.value(settings[$0])) })
        let real = comparesWithReal ? LuaValue.tensor(try sample.real().tensor) : .nil
        let results = try function.call([real, .tensor(try sample.synthetic().tensor), given])
        guard let number = results.first?.numberValue, number.isFinite else {
            let got = results.first.map { $0.numberValue.map { "\($0)" } ?? $0.kind } ?? "nothing"
            throw MetricError.value(metric: name, message: "its function gave \(got), wanted a finite number")
        }
        return number
    }
}
