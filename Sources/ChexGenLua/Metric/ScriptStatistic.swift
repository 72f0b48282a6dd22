import LuaRuntime
import Metrics

/// A statistic whose value a function of a script gives.
struct ScriptStatistic: Statistic, @unchecked Sendable {
    static let parameters: [LuaParameter] = [
        LuaParameter("name", .string, "For scripts and identities."),
        LuaParameter("column", .string, "Its column in tables, before an encoder's ending."),
        LuaParameter(
            "value", .function("fun(real: Tensor, synthetic: Tensor, settings: table): number"),
            "Gets the features `[N, D]` and `[M, D]` of some rows, and the settings `protocol`, `seed` and `k`; gives a finite "
                + "number. It is called for the whole sets, for halves of them and for parts of the real set. `real` is nil "
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
        LuaParameter("estimator", .string, default: .string("script"), "The estimator, for identities."),
    ]

    let name: String
    let column: String
    let about: String
    let direction: StatisticDirection
    let input: StatisticInput
    let comparesWithReal: Bool
    let range: ClosedRange<Double>
    let sizeBias: SizeBias
    private let estimatorText: String
    private let least: Int
    private let function: LuaFunction

    init(_ entry: LuaArguments) throws {
        name = try entry.string("name")
        column = try entry.string("column")
        about = try entry.string("about")
        direction = StatisticDirection(rawValue: try entry.string("direction")) ?? .lower
        input = StatisticInput(rawValue: try entry.string("input")) ?? .features
        sizeBias = SizeBias(rawValue: try entry.string("size_bias")) ?? .slow
        comparesWithReal = try entry.boolean("compares_with_real")
        estimatorText = try entry.string("estimator")
        least = try entry.integer("least_rows")
        function = try entry.function("value")
        let low = entry.has("low") ? try entry.number("low") : sizeBias == .distance ? 0 : -.infinity
        let high = entry.has("high") ? try entry.number("high") : .infinity
        guard low <= high else { throw entry.fail("low", "wanted at most `high`, \(high), got \(low)") }
        guard least >= 1 else { throw entry.fail("least_rows", "wanted 1 or more, got \(least)") }
        range = low...high
    }

    func estimator(_ settings: StatisticSettings) -> String { estimatorText }
    func leastRows(_ settings: StatisticSettings) -> Int { least }

    func value(_ sample: Sample, _ settings: StatisticSettings) throws -> Double {
        let given = LuaValue.fields([
            ("protocol", .string(settings.definition.rawValue)), ("seed", .integer(Int(settings.seed))),
            ("k", .integer(settings.nearest)),
        ])
        let real = comparesWithReal ? LuaValue.tensor(try sample.real().tensor) : .nil
        let results = try function.call([real, .tensor(try sample.synthetic().tensor), given])
        guard let number = results.first?.numberValue, number.isFinite else {
            let got = results.first.map { $0.numberValue.map { "\($0)" } ?? $0.kind } ?? "nothing"
            throw MetricError.value(metric: name, message: "its function gave \(got), wanted a finite number")
        }
        return number
    }
}
