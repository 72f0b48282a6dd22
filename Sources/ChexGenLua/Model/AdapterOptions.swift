import Encoders
import LuaRuntime

/// LoRA files as Lua and YAML name them: a path, `{ path =, scale =, part = }`, or a list of these.
package enum AdapterOptions {
    /// Opens the files in the order that they are named.
    /// - Throws: `LuaError` for another form, which names the argument; what opening a file throws.
    package static func adapters(_ value: LuaValue, _ arguments: LuaArguments, _ name: String) throws -> [Adapter] {
        if value.isNil { return [] }
        if let table = value.tableValue, table.fields.isEmpty {
            return try table.array.enumerated().map { index, item in
                try adapter(item, arguments, "\(name)[\(index + 1)]")
            }
        }
        return [try adapter(value, arguments, name)]
    }

    private static func adapter(_ value: LuaValue, _ arguments: LuaArguments, _ name: String) throws -> Adapter {
        if let path = value.stringValue { return try Adapter(path) }
        guard let table = value.tableValue, table.array.isEmpty else {
            throw arguments.fail(name, "wanted a path or { path =, scale = }, got \(value.kind)")
        }
        for field in table.fields where !["path", "scale", "part"].contains(field.name) {
            throw arguments.fail(name, "unknown key '\(field.name)'; known: part, path, scale")
        }
        guard let path = table["path"].stringValue, !path.isEmpty else {
            throw arguments.fail(name, "wanted the LoRA's file as 'path'")
        }
        guard let scale = table["scale"].isNil ? 1 : table["scale"].numberValue else {
            throw arguments.fail(name, "wanted a number as 'scale', got \(table["scale"].kind)")
        }
        guard table["part"].isNil || table["part"].stringValue != nil else {
            throw arguments.fail(name, "wanted a name as 'part', got \(table["part"].kind)")
        }
        return try Adapter(path, scale: scale, part: table["part"].stringValue)
    }
}
