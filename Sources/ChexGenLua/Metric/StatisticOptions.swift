import Identity
import LuaRuntime
import Metrics

/// The settings of statistics as options of Lua functions: those that statistics declare, and those of all measurements.
enum StatisticOptions {
    private static let defaults = StatisticSettings()

    static let way = LuaParameter(
        "protocol", .choice(Protocol.allCases.map(\.rawValue)), default: .string(defaults.definition.rawValue),
        "`chexgenbench` repeats the reference, `exact` is what the metric's paper says.")
    static let seed = LuaParameter(
        "seed", .integer, default: .integer(Int(defaults.seed)), "The seed of its choices.")
    static let level = LuaParameter("level", .number, default: .number(defaults.level), "The interval's coverage.")
    static let given = LuaParameter(
        "settings", .dictionary(.number), optional: true,
        "The same by name, also of statistics that scripts registered: see `metric.settings`.")
    static let groups = LuaParameter(
        "groups", .oneOf([.list(.any), .object("Dataset")]), optional: true,
        "The patient of every real row, kept together: a list, or a Dataset that names patients.")

    /// The option of a setting.
    static func parameter(_ setting: StatisticSetting) -> LuaParameter {
        LuaParameter(
            setting.name, setting.isWhole ? .integer : .number, default: value(setting.standard), setting.about)
    }

    /// All of them that there are when functions are declared.
    static func all(_ context: ScriptContext) -> [LuaParameter] {
        [way, seed] + context.statistics.settings.map(parameter) + [parameter(.replicates), level]
            + [parameter(.floorSplits), given]
    }

    /// A value of a setting as Lua has it.
    static func value(_ value: StatisticSetting.Value) -> LuaValue {
        switch value {
        case .whole(let value): return .integer(value)
        case .number(let value): return .number(value)
        }
    }

    /// The defaults by the names of the options, for experiments.
    static func constant(_ context: ScriptContext) -> LuaConstantDeclaration {
        LuaConstantDeclaration(
            "defaults", .dictionary(.number),
            .fields(
                (context.statistics.settings + StatisticSettings.common).map { ($0.name, value($0.standard)) }
                    + [("level", .number(defaults.level))]), "The defaults of the settings of statistics.")
    }

    /// What settings may be, by the names of the options, for experiments that look at their parameters before they run.
    static func bounds(_ context: ScriptContext) -> LuaConstantDeclaration {
        LuaConstantDeclaration(
            "bounds", .dictionary(.list(.number)),
            .fields(
                (context.statistics.settings + StatisticSettings.common).map {
                    ($0.name, .table(LuaTable(array: [value($0.low), value($0.high)])))
                }), "The least and the greatest value of the settings of statistics.")
    }

    /// `metric.settings`.
    static func list(_ context: ScriptContext) -> LuaFunctionDeclaration {
        LuaFunctionDeclaration(
            "settings",
            returns: [
                LuaResult(
                    "entries", .list(.table),
                    "`name`, `parameter` (what experiments call it), `about`, `default`, `low` and `high`.")
            ],
            "The settings that statistics have of their own: of the program's, then of those that scripts registered."
        ) { _ in
            let entries = context.statistics.settings.map { setting in
                LuaValue.fields([
                    ("name", .string(setting.name)), ("parameter", .string(setting.parameter)),
                    ("about", .string(setting.about)), ("default", value(setting.standard)),
                    ("low", value(setting.low)), ("high", value(setting.high)),
                ])
            }
            return [.table(LuaTable(array: entries))]
        }
    }

    /// The settings that options give; those that a function does not declare stay at their defaults.
    static func settings(_ options: LuaArguments, _ context: ScriptContext) throws -> StatisticSettings {
        var settings = StatisticSettings()
        if options.has("protocol") { settings.definition = try MetricModule.definition(options) }
        settings.seed = try MetricModule.seed(options)
        if options.has("level") { settings.level = try options.number("level") }
        for setting in context.statistics.settings + StatisticSettings.common where options.has(setting.name) {
            settings[setting] = try read(options.value(setting.name), of: setting, options, setting.name)
        }
        try take(options, context, into: &settings)
        try settings.check()
        return settings
    }

    /// Takes what the option `settings` gives.
    static func take(
        _ options: LuaArguments, _ context: ScriptContext, into settings: inout StatisticSettings
    ) throws {
        guard options.has(given.name) else { return }
        let known = context.statistics.settings
        for (name, value) in try options.table(given.name).fields {
            guard let setting = known.first(where: { $0.name == name }) else {
                throw options.fail(
                    given.name, "unknown setting '\(name)'; known: \(known.map(\.name).joined(separator: ", "))")
            }
            settings[setting] = try read(value, of: setting, options, "\(given.name).\(name)")
        }
    }

    private static func read(
        _ value: LuaValue, of setting: StatisticSetting, _ options: LuaArguments, _ name: String
    ) throws -> StatisticSetting.Value {
        if setting.isWhole, let whole = value.integerValue { return .whole(whole) }
        guard let number = value.numberValue else { throw options.fail(name, "wanted a number, got \(value.kind)") }
        return .number(number)
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
