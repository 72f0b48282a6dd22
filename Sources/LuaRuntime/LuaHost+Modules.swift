import Files
import CLua

extension LuaHost {
    /// Makes a module known to `require`. `require "chexgen"` gives a table of all modules `chexgen.*`.
    /// - Throws: `LuaError` where a class of it is registered already.
    public func register(_ module: LuaModuleDeclaration) throws {
        for declaration in module.classes { try register(declaration) }
        try perform("the module '\(module.name)'") { lua, writer in
            let count = module.functions.count + module.constants.count
            cx_tape_table(writer.tape, 0, count, false)
            for function in module.functions {
                writer.write(text: function.name)
                writer.write(native: native(function))
            }
            for constant in module.constants {
                writer.write(text: constant.name)
                try writer.write(constant.value, readOnly: true)
            }
            return cx_lua_module(lua, module.name)
        }
        modules.append(module)
    }

    private func native(_ function: LuaFunctionDeclaration) -> NativeFunction {
        let check = ArgumentCheck(callee: function.name)
        return NativeFunction { values in
            try function.body(check.arguments(values, parameters: function.parameters, receiver: nil))
        }
    }

    private func register(_ declaration: LuaClassDeclaration) throws {
        let number = try classes.add(declaration.type, name: declaration.name)
        let members = ClassMembers(declaration)
        try perform("the class '\(declaration.name)'") { lua, writer in
            write(declaration.methods.map { ($0.name, members.method($0)) }, with: writer)
            write(declaration.properties.map { ($0.name, members.getter($0)) }, with: writer)
            let operators = declaration.operators.sorted { $0.key.rawValue < $1.key.rawValue }
            write(operators.map { ("__" + $0.key.rawValue, members.operation($0.key, $0.value)) }, with: writer)
            writer.write(native: members.reader)
            writer.write(native: members.writer)
            return cx_lua_class(lua, number, declaration.name)
        }
    }

    private func write(_ functions: [(String, NativeFunction)], with writer: TapeWriter) {
        cx_tape_table(writer.tape, 0, functions.count, false)
        for (name, function) in functions {
            writer.write(text: name)
            writer.write(native: function)
        }
    }
}

/// Makes the functions behind the members of a class.
struct ClassMembers {
    private let declaration: LuaClassDeclaration

    init(_ declaration: LuaClassDeclaration) { self.declaration = declaration }

    func method(_ method: LuaFunctionDeclaration) -> NativeFunction {
        let check = ArgumentCheck(callee: method.name)
        return NativeFunction { [declaration] values in
            let receiver = try Self.receiver(values.first, declaration, method.name, hint: true)
            return try method.body(
                check.arguments(Array(values.dropFirst()), parameters: method.parameters, receiver: receiver))
        }
    }

    func getter(_ property: LuaPropertyDeclaration) -> NativeFunction {
        NativeFunction { [declaration] values in
            [try property.get(try Self.receiver(values.first, declaration, property.name, hint: false))]
        }
    }

    func operation(_ name: LuaOperator, _ body: @escaping ([LuaValue]) throws -> LuaValue) -> NativeFunction {
        // Lua gives the operand of `-x`, `#x` twice.
        let single = name == .unm || name == .len || name == .tostring
        return NativeFunction { values in [try body(single ? Array(values.prefix(1)) : values)] }
    }

    /// Reads keys that are neither methods nor properties.
    var reader: NativeFunction {
        let className = declaration.name
        let names = declaration.methods.map(\.name) + declaration.properties.map(\.name) + ["close"]
        let index = declaration.index
        return NativeFunction { [declaration] values in
            let key = values.count > 1 ? values[1] : .nil
            if let index {
                return [try index(try Self.receiver(values.first, declaration, "index", hint: false), key)]
            }
            guard let name = key.stringValue else {
                throw LuaError("a \(className) cannot be indexed with a \(key.kindName)")
            }
            let nearest = Files.nearest(name, among: names.sorted())
            throw LuaError("\(className) has no field '\(name)'" + (nearest.map { "; did you mean '\($0)'?" } ?? ""))
        }
    }

    /// Writes keys.
    var writer: NativeFunction {
        let className = declaration.name
        let newIndex = declaration.newIndex
        return NativeFunction { [declaration] values in
            let key = values.count > 1 ? values[1] : .nil
            guard let newIndex else { throw LuaError("\(className) is read-only; '\(key.printable)' cannot be set") }
            let receiver = try Self.receiver(values.first, declaration, "newindex", hint: false)
            try newIndex(receiver, key, values.count > 2 ? values[2] : .nil)
            return []
        }
    }

    private static func receiver(
        _ value: LuaValue?, _ declaration: LuaClassDeclaration, _ member: String, hint: Bool
    ) throws -> AnyObject {
        if case .object(let object)? = value {
            var type: AnyClass? = Swift.type(of: object)
            while let current = type {
                if current == declaration.type { return object }
                type = _getSuperclass(current)
            }
        }
        throw LuaError(
            "bad self to '\(member)' (wanted \(declaration.name), got \(value?.kindName ?? "nothing"))"
                + (hint ? "; call it as object:\(member)(…)" : ""))
    }
}
