import Foundation
import LuaRuntime

/// `string.format` for values that have already crossed to Swift, for `run:log`.
enum LuaFormat {
    /// Fills a format with values.
    /// - Throws: `LuaError` where the format names more values than there are, or one of the wrong type.
    static func text(_ format: String, _ values: [LuaValue]) throws -> String {
        var result = ""
        var next = 0
        var characters = Substring(format)
        while let percent = characters.firstIndex(of: "%") {
            result += characters[..<percent]
            characters = characters[characters.index(after: percent)...]
            let flags = characters.prefix { "-+ #0123456789.".contains($0) }
            characters = characters.dropFirst(flags.count)
            guard let conversion = characters.popFirst() else {
                throw LuaError("bad argument 'format' to 'log': it ends with '%'")
            }
            if conversion == "%" {
                result += "%"
                continue
            }
            guard flags.count <= 8, "diuxXeEfgGsq".contains(conversion) else {
                throw LuaError("bad argument 'format' to 'log': invalid conversion '%\(flags)\(conversion)'")
            }
            guard next < values.count else {
                throw LuaError("bad argument 'values' to 'log': no value for '%\(flags)\(conversion)'")
            }
            result += try one(String(flags), conversion, values[next])
            next += 1
        }
        return result + characters
    }

    private static func one(_ flags: String, _ conversion: Character, _ value: LuaValue) throws -> String {
        switch conversion {
        case "s", "q":
            return padded(plain(value), flags)
        case "d", "i", "u", "x", "X":
            guard let integer = value.integerValue else {
                throw LuaError(
                    "bad argument 'values' to 'log': wanted an integer for %\(conversion), got \(value.kind)")
            }
            return String(format: "%\(flags)l\(conversion)", integer)
        default:
            guard let number = value.numberValue else {
                throw LuaError("bad argument 'values' to 'log': wanted a number for %\(conversion), got \(value.kind)")
            }
            return String(format: "%\(flags)\(conversion)", number)
        }
    }

    private static func padded(_ text: String, _ flags: String) -> String {
        let parts = flags.split(separator: ".", maxSplits: 1, omittingEmptySubsequences: false)
        var text = text
        if parts.count == 2, let most = Int(parts[1]) { text = String(text.prefix(most)) }
        let isLeft = flags.hasPrefix("-")
        let width = min(1000, Int(parts.first?.filter(\.isNumber) ?? "") ?? 0)
        let filling = String(repeating: " ", count: max(0, width - text.count))
        return isLeft ? text + filling : filling + text
    }

    /// A value as `tostring` shows it.
    static func plain(_ value: LuaValue) -> String {
        switch value {
        case .nil: return "nil"
        case .boolean(let flag): return flag ? "true" : "false"
        case .integer(let number): return String(number)
        case .number(let number):
            let text = String(format: "%.14g", number)
            return text.contains { ".eni".contains($0) } ? text : text + ".0"
        case .string(let text): return text
        case .object(let object as TensorObject): return object.tensor.description
        case .bytes, .table, .function, .closure, .object: return value.kind
        }
    }
}
