import Files
import LuaRuntime
import Runs

/// Between configuration values, which know nothing of Lua, and Lua values.
public enum ConfigConversion {
    /// A configuration value as Lua sees it; maps and lists become read-only tables where `isReadOnly` says so.
    package static func lua(_ value: JSON, isReadOnly: Bool = false) -> LuaValue {
        switch value {
        case .null: return .nil
        case .boolean(let flag): return .boolean(flag)
        case .integer(let number): return .integer(number)
        case .number(let number): return .number(number)
        case .string(let text): return .string(text)
        case .array(let items):
            let table = LuaTable(array: items.map { lua($0, isReadOnly: isReadOnly) })
            table.isReadOnly = isReadOnly
            return .table(table)
        case .object(let entries):
            let table = LuaTable(fields: entries.map { ($0.key, lua($0.value, isReadOnly: isReadOnly)) })
            table.isReadOnly = isReadOnly
            return .table(table)
        }
    }

    /// A Lua value as a configuration value; an empty table is an empty map, which stands for any map or list.
    /// - Throws: `LuaError` for functions and objects, and for tables that are both a list and a map.
    public static func config(_ value: LuaValue, name: String) throws -> JSON {
        switch value {
        case .nil: return .null
        case .boolean(let flag): return .boolean(flag)
        case .integer(let number): return .integer(number)
        case .number(let number): return .number(number)
        case .string(let text): return .string(text)
        case .table(let table):
            if table.array.isEmpty {
                return .object(try table.fields.map { ($0.name, try config($0.value, name: "\(name).\($0.name)")) })
            }
            guard table.fields.isEmpty else {
                throw LuaError("\(name): a table with both list items and named fields cannot be kept")
            }
            return .array(
                try table.array.enumerated().map { try config($0.element, name: "\(name)[\($0.offset + 1)]") })
        case .bytes, .function, .closure, .object:
            throw LuaError("\(name): wanted nil, a boolean, a number, a string or a table of them, got \(value.kind)")
        }
    }
}
