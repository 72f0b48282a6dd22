/// Writes the reference manual.
public enum ManualWriter {
    /// One Markdown page for all modules.
    public static func manual(for modules: [LuaModuleDeclaration]) -> String {
        var text = "# Lua reference\n\nGenerated from the declarations; do not edit.\n\n"
        for module in modules { text += "- [\(module.name)](#\(anchor(module.name)))\n" }
        for module in modules { text += "\n" + chapter(module) }
        return text
    }

    private static func anchor(_ heading: String) -> String {
        String(heading.lowercased().filter { $0.isLetter || $0.isNumber || $0 == "-" || $0 == "_" })
    }

    private static func chapter(_ module: LuaModuleDeclaration) -> String {
        var text = "## \(module.name)\n\n\(module.text)\n"
        let short = module.name.split(separator: ".").last.map(String.init) ?? module.name
        for function in module.functions { text += "\n" + section(function, prefix: short + ".") }
        if !module.constants.isEmpty {
            text += "\n### Constants of \(module.name)\n\n| name | type | meaning |\n|---|---|---|\n"
            for constant in module.constants {
                text += "| `\(short).\(constant.name)` | \(cell(constant.type)) | \(cell(constant.text)) |\n"
            }
        }
        for declaration in module.classes { text += "\n" + section(declaration) }
        return text
    }

    private static func section(_ declaration: LuaClassDeclaration) -> String {
        var text = "### \(declaration.name)\n\n\(declaration.text)\n"
        if !declaration.properties.isEmpty {
            text += "\n| field | type | meaning |\n|---|---|---|\n"
            for property in declaration.properties {
                text += "| `\(property.name)` | \(cell(property.type)) | \(cell(property.text)) |\n"
            }
        }
        let operators = LuaOperator.allCases.filter { declaration.operators[$0] != nil }.map { "`\($0.symbol)`" }
        if !operators.isEmpty { text += "\nOperators: \(operators.joined(separator: " ")).\n" }
        let prefix = declaration.name.prefix(1).lowercased() + declaration.name.dropFirst() + ":"
        for method in declaration.methods { text += "\n" + section(method, prefix: prefix) }
        return text
    }

    private static func section(_ function: LuaFunctionDeclaration, prefix: String) -> String {
        var text = "#### `\(prefix)\(function.name)(\(signature(function.parameters)))`\n\n\(function.text)\n"
        if !function.parameters.isEmpty {
            text += "\n| parameter | type | default | meaning |\n|---|---|---|---|\n"
            for parameter in function.parameters { text += rows(parameter, name: parameter.name) }
        }
        if !function.returns.isEmpty {
            text += "\nGives:\n\n"
            for result in function.returns {
                text += "- `\(result.name)` (\(cell(result.type))): \(result.text)\n"
            }
        }
        if let example = function.example { text += "\n```lua\n\(example)\n```\n" }
        return text
    }

    /// The row of a parameter, and one for each key of an options table.
    private static func rows(_ parameter: LuaParameter, name: String) -> String {
        var fallback = ""
        if !parameter.default.isNil {
            fallback = "`\(parameter.default.literal)`"
        } else if parameter.isOptional {
            fallback = "optional"
        }
        var text = "| `\(name)` | \(cell(parameter.type)) | \(fallback) | \(cell(parameter.text)) |\n"
        for key in parameter.type.optionKeys ?? [] { text += rows(key, name: "\(name).\(key.name)") }
        return text
    }

    private static func signature(_ parameters: [LuaParameter]) -> String {
        var text = ""
        for (index, parameter) in parameters.enumerated() {
            var name = parameter.name
            if case .variadic = parameter.type { name = "..." }
            let separator = index == 0 ? "" : ", "
            text += parameter.isOptional ? (index == 0 ? "[\(name)]" : " [, \(name)]") : separator + name
        }
        return text
    }

    private static func cell(_ type: LuaType) -> String { cell(type.wanted) }

    private static func cell(_ text: String) -> String {
        text.split(whereSeparator: \.isNewline).joined(separator: " ").replacing("|", with: "\\|")
    }
}

extension LuaOperator {
    /// The operator as scripts write it.
    fileprivate var symbol: String {
        switch self {
        case .add: return "+"
        case .sub, .unm: return "-"
        case .mul: return "*"
        case .div: return "/"
        case .pow: return "^"
        case .len: return "#"
        case .eq: return "=="
        case .lt: return "<"
        case .le: return "<="
        case .concat: return ".."
        case .tostring: return "tostring"
        case .call: return "()"
        case .mod: return "%"
        case .idiv: return "//"
        }
    }
}
