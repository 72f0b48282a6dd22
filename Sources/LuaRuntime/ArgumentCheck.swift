import Files

/// Compares values with a declaration, fills in defaults, and words what is wrong.
struct ArgumentCheck {
    let callee: String

    /// Checks the arguments of a call.
    func arguments(_ given: [LuaValue], parameters: [LuaParameter], receiver: AnyObject?) throws -> LuaArguments {
        var declared = parameters
        var rest: [LuaValue] = []
        if let last = declared.last, case .variadic(let element) = last.type {
            declared.removeLast()
            for (offset, value) in given.dropFirst(declared.count).enumerated() {
                let name = "\(last.name)[\(offset + 1)]"
                guard let fitting = try fit(value, element, name) else {
                    throw mismatch(name, wanted: element.wanted, got: value)
                }
                rest.append(fitting)
            }
        } else if given.count > declared.count {
            // Trailing nils are what `f(g())` gives for a `g` without a result.
            if given[declared.count...].contains(where: { !$0.isNil }) {
                throw LuaError(
                    "too many arguments to '\(callee)' (wanted at most \(declared.count), got \(given.count))")
            }
        }
        var values: [LuaValue] = []
        values.reserveCapacity(declared.count)
        for (position, parameter) in declared.enumerated() {
            values.append(try take(position < given.count ? given[position] : .nil, parameter, parameter.name))
        }
        return LuaArguments(callee: callee, parameters: declared, values: values, rest: rest, receiver: receiver)
    }

    /// Checks an options table. Keys that are not declared are errors which name the nearest declared key.
    func options(_ table: LuaTable, keys: [LuaParameter]) throws -> LuaArguments {
        try onlyFields(table, in: "options")
        for (name, _) in table.fields where !keys.contains(where: { $0.name == name }) {
            throw LuaError("unknown option '\(name)' to '\(callee)'" + hint(name, among: keys.map(\.name)))
        }
        let values = try keys.map { try take(table[$0.name], $0, $0.name) }
        return LuaArguments(callee: callee, parameters: keys, values: values, rest: [], receiver: nil)
    }

    /// The error about a value of the wrong type.
    func mismatch(_ name: String, wanted: String, got: LuaValue) -> LuaError {
        LuaError("bad argument '\(name)' to '\(callee)' (wanted \(wanted), got \(got.kindName))")
    }

    private func take(_ value: LuaValue, _ parameter: LuaParameter, _ name: String) throws -> LuaValue {
        if value.isNil {
            if parameter.isOptional { return parameter.default }
            if case .any = parameter.type { return .nil }
            throw LuaError("bad argument '\(name)' to '\(callee)' (wanted \(parameter.type.wanted), got nothing)")
        }
        guard let fitting = try fit(value, parameter.type, name) else {
            throw mismatch(name, wanted: parameter.type.wanted, got: value)
        }
        return fitting
    }

    /// The value as the type wants it; nil where it does not fit; an error where a part inside it does not fit.
    private func fit(_ value: LuaValue, _ type: LuaType, _ name: String) throws -> LuaValue? {
        switch (type, value) {
        case (.any, _), (.boolean, .boolean), (.string, .string), (.table, .table), (.function, .function):
            return value
        case (.integer, .integer), (.integer, .number): return value.integerValue.map { .integer($0) }
        case (.number, .integer), (.number, .number): return value
        case (.list(let element), .table(let table)): return try list(table, element, name)
        case (.dictionary(let element), .table(let table)): return try dictionary(table, element, name)
        case (.options(let keys), .table(let table)):
            _ = try options(table, keys: keys)
            return value
        case (.object(let className), .object(let object)):
            return ClassNames.names(of: object).contains(className) ? value : nil
        case (.choice(let names), .string(let given)):
            if names.contains(given) { return value }
            throw LuaError(
                "bad argument '\(name)' to '\(callee)' (wanted \(type.wanted), got \"\(given)\")"
                    + hint(given, among: names))
        case (.oneOf(let types), _): return try first(of: types, value, name)
        case (.variadic(let element), _): return try fit(value, element, name)
        default: return nil
        }
    }

    private func first(of types: [LuaType], _ value: LuaValue, _ name: String) throws -> LuaValue? {
        var inner: Error?
        for type in types {
            do {
                if let fitting = try fit(value, type, name) { return fitting }
            } catch {
                // The first type of the right kind words the error, unless a later one fits.
                inner = inner ?? error
            }
        }
        if types.filter({ $0.takesKind(of: value) }).count == 1, let inner { throw inner }
        return nil
    }

    private func list(_ table: LuaTable, _ element: LuaType, _ name: String) throws -> LuaValue? {
        if let field = table.fields.first {
            throw LuaError(
                "bad argument '\(name)' to '\(callee)' (wanted a list, got a table with the key '\(field.name)')")
        }
        if fitsAsItIs(table, element) { return .table(table) }
        var changed = false
        var fitted = table.array
        for (index, value) in table.array.enumerated() {
            guard let fitting = try fit(value, element, "\(name)[\(index + 1)]") else {
                throw mismatch("\(name)[\(index + 1)]", wanted: element.wanted, got: value)
            }
            if case .number = value, case .integer = fitting {
                fitted[index] = fitting
                changed = true
            }
        }
        return .table(changed ? LuaTable(array: fitted) : table)
    }

    /// Whether all entries are scalars of the wanted type; long lists of numbers are looked at only here.
    private func fitsAsItIs(_ table: LuaTable, _ element: LuaType) -> Bool {
        switch element {
        case .any: return true
        case .integer:
            return table.array.allSatisfy { if case .integer = $0 { true } else { false } }
        case .number:
            return table.array.allSatisfy {
                switch $0 {
                case .integer, .number: true
                default: false
                }
            }
        case .string: return table.array.allSatisfy { if case .string = $0 { true } else { false } }
        default: return false
        }
    }

    private func dictionary(_ table: LuaTable, _ element: LuaType, _ name: String) throws -> LuaValue? {
        try onlyFields(table, in: name)
        for (key, value) in table.fields where try fit(value, element, "\(name).\(key)") == nil {
            throw mismatch("\(name).\(key)", wanted: element.wanted, got: value)
        }
        return .table(table)
    }

    private func onlyFields(_ table: LuaTable, in name: String) throws {
        guard table.array.isEmpty else {
            throw LuaError(
                "bad argument '\(name)' to '\(callee)' (wanted named fields, got a list of \(table.array.count))")
        }
    }

    private func hint(_ name: String, among names: [String]) -> String {
        if let nearest = Files.nearest(name, among: names.sorted()) { return "; did you mean '\(nearest)'?" }
        return names.isEmpty ? "" : "; known: \(names.sorted().joined(separator: ", "))"
    }
}

extension LuaType {
    /// Whether the value is of the kind that the type is made of, so that an error inside it is the one to tell.
    fileprivate func takesKind(of value: LuaValue) -> Bool {
        switch (self, value) {
        case (.list, .table), (.dictionary, .table), (.options, .table), (.table, .table), (.choice, .string):
            return true
        default: return false
        }
    }
}

extension LuaValue {
    /// What the value is, as error texts say it.
    public var kindName: String {
        switch self {
        case .nil: return "nil"
        case .boolean: return "boolean"
        case .integer: return "integer"
        case .number: return "number"
        case .string: return "string"
        case .bytes: return "string that is not UTF-8"
        case .table: return "table"
        case .function, .closure: return "function"
        case .object(let object):
            return ClassNames.names(of: object).first ?? String(describing: Swift.type(of: object))
        }
    }
}
