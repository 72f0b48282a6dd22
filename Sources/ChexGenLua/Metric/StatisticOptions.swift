import Identity
import LuaRuntime
import Metrics

/// The settings of statistics as options of Lua functions. The defaults are those of `StatisticSettings`.
enum StatisticOptions {
    private static let defaults = StatisticSettings()

    static let way = LuaParameter(
        "protocol", .choice(Protocol.allCases.map(\.rawValue)), default: .string(defaults.definition.rawValue),
        "`chexgenbench` repeats the reference, `exact` is what the metric's paper says.")
    static let seed = LuaParameter(
        "seed", .integer, default: .integer(Int(defaults.seed)), "The seed of its choices.")
    static let nearest = LuaParameter(
        "k", .integer, default: .integer(defaults.nearest), "Which neighbour bounds a ball.")
    static let subsets = LuaParameter("subsets", .integer, default: .integer(defaults.subsets), "How many subsets.")
    static let subsetSize = LuaParameter(
        "subset_size", .integer, default: .integer(defaults.subsetSize), "Images a subset of each set.")
    static let splits = LuaParameter("splits", .integer, default: .integer(defaults.splits), "How many parts.")
    static let replicates = LuaParameter(
        "replicates", .integer, default: .integer(defaults.replicates), "Half-samples of an interval; 0 for none.")
    static let level = LuaParameter("level", .number, default: .number(defaults.level), "The interval's coverage.")
    static let floorSplits = LuaParameter(
        "floor_splits", .integer, default: .integer(defaults.floorSplits), "Random splits of the floor; 0 for none.")
    static let groups = LuaParameter(
        "groups", .oneOf([.list(.any), .object("Dataset")]), optional: true,
        "The patient of every real row, kept together: a list, or a Dataset that names patients.")

    /// All of them.
    static let all = [way, seed, nearest, subsets, subsetSize, splits, replicates, level, floorSplits]

    /// The defaults by the names of the options, for experiments.
    static let constant = LuaConstantDeclaration(
        "defaults", .dictionary(.number),
        .fields([
            ("k", .integer(defaults.nearest)), ("subsets", .integer(defaults.subsets)),
            ("subset_size", .integer(defaults.subsetSize)), ("splits", .integer(defaults.splits)),
            ("replicates", .integer(defaults.replicates)), ("level", .number(defaults.level)),
            ("floor_splits", .integer(defaults.floorSplits)),
        ]), "The defaults of the settings of statistics.")

    /// What whole numbers may be, by the names of the options, for experiments that look at their parameters before they run.
    static let bounds = LuaConstantDeclaration(
        "bounds", .dictionary(.list(.integer)),
        .fields(
            StatisticSettings.wholes.map {
                ($0.name, .table(LuaTable(array: [.integer($0.range.lowerBound), .integer($0.range.upperBound)])))
            }), "The least and the greatest value of the settings of statistics that are whole numbers.")

    /// The settings that options give; those that a function does not declare stay at their defaults.
    static func settings(_ options: LuaArguments) throws -> StatisticSettings {
        func number(_ name: String, _ fallback: Int) throws -> Int {
            options.has(name) ? try options.integer(name) : fallback
        }
        var settings = StatisticSettings()
        if options.has("protocol") { settings.definition = try MetricModule.definition(options) }
        settings.seed = try MetricModule.seed(options)
        settings.nearest = try number("k", settings.nearest)
        settings.subsets = try number("subsets", settings.subsets)
        settings.subsetSize = try number("subset_size", settings.subsetSize)
        settings.splits = try number("splits", settings.splits)
        settings.replicates = try number("replicates", settings.replicates)
        if options.has("level") { settings.level = try options.number("level") }
        settings.floorSplits = try number("floor_splits", settings.floorSplits)
        try settings.check()
        return settings
    }

    /// The patients of rows: `groups`, where it is given and its Dataset names patients. A row without a patient stands for
    /// itself.
    static func groups(_ options: LuaArguments, _ name: String = "groups") throws -> RowGroups? {
        switch options.value(name) {
        case .nil: return nil
        case .object(let object as DatasetObject):
            return try object.dataset.patientNames().map { RowGroups($0) }
        default:
            return RowGroups(
                try options.list(name).map { value in
                    value.stringValue ?? value.integerValue.map(String.init) ?? value.numberValue.map { String($0) }
                })
        }
    }
}
