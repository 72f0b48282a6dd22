import ChexGenLua
import Files
import Foundation
import LuaRuntime
import Runs

/// An experiment: the table that its script returns.
struct Experiment {
    /// What it measures, in a sentence.
    let about: String
    /// The parameters with their defaults, which are also their types; the script's `untyped` names take any type and are
    /// nil where they are not given.
    let defaults: JSON
    /// What the parameters mean, by their dotted names; may name parameters that this experiment does not have, as what
    /// experiments share has one text.
    let help: [String: String]
    /// Is called once a cell with the run.
    let run: LuaFunction
    /// Is called once a cell before the run folder is made, with what tells problems; nil where there is nothing to check.
    let check: LuaFunction?

    private static let fields = ["about", "params", "untyped", "help", "check", "run"]

    /// What a script lacks that is no experiment; names the field that may have been meant.
    static func missingRun(_ values: [LuaValue], path: String) -> LuaError {
        let functions = (values.first?.tableValue?.fields ?? []).filter {
            if case .function = $0.value { return !fields.contains($0.name) }
            return false
        }
        let near = nearest("run", among: functions.map(\.name))
        return LuaError(
            "\(path): an experiment must return a table with a function 'run', and there is none"
                + (near.map { "; did you mean '\($0)' to be it?" } ?? ""))
    }

    /// Whether a table that a script returned was meant as an experiment although it has no `run`.
    private static func isMeant(_ table: LuaTable) -> Bool {
        table.fields.contains { field in
            if fields.contains(field.name) { return true }
            if case .function = field.value { return nearest(field.name, among: ["run"]) != nil }
            return false
        }
    }

    /// Reads the table that a script returned; nil where the script is no experiment.
    /// - Throws: `LuaError` for an experiment without `run`, or whose fields have wrong types.
    init?(_ values: [LuaValue], path: String) throws {
        guard let table = values.first?.tableValue else { return nil }
        guard case .function(let run) = table["run"] else {
            if Self.isMeant(table) { throw Self.missingRun(values, path: path) }
            return nil
        }
        for field in table.fields where !Self.fields.contains(field.name) {
            let hint = nearest(field.name, among: Self.fields)
            throw LuaError(
                "\(path): an experiment has no field '\(field.name)'" + (hint.map { "; did you mean '\($0)'?" } ?? ""))
        }
        about = table["about"].stringValue ?? ""
        self.run = run
        switch table["check"] {
        case .nil: check = nil
        case .function(let function): check = function
        default: throw LuaError("\(path): check: wanted a function, got \(table["check"].kindName)")
        }
        switch table["help"] {
        case .nil: help = [:]
        case .table(let texts):
            help = try Dictionary(
                uniqueKeysWithValues: texts.fields.map { field in
                    guard let text = field.value.stringValue else {
                        throw LuaError("\(path): help.\(field.name): wanted a text, got \(field.value.kindName)")
                    }
                    return (field.name, text)
                })
        default: throw LuaError("\(path): help: wanted a table of texts, got \(table["help"].kindName)")
        }
        let declared: JSON
        switch table["params"] {
        case .nil: declared = .object([])
        case .table: declared = try ConfigConversion.config(table["params"], name: "params")
        default: throw LuaError("\(path): params: wanted a table, got \(table["params"].kindName)")
        }
        guard case .object(let typed) = declared else {
            throw LuaError("\(path): params: wanted named parameters, got a list")
        }
        let untyped = table["untyped"].tableValue?.array.compactMap(\.stringValue) ?? []
        defaults = .object(typed + untyped.map { ($0, .null) })
    }
}
