/// Declares a class of Lua for the Swift class `Object`: bodies get the object itself.
///
/// ```swift
/// LuaClass<Film>.declaration(
///     "Film", "A film.",
///     methods: [.method("turn", [], "Turns it.") { film, _ in [.object(film.turned())] }],
///     properties: [.property("width", .integer, "Pixels across.") { .integer($0.width) }],
///     operators: [.tostring: .unary { .string("Film(\($0.width))") }])
/// ```
public enum LuaClass<Object: AnyObject> {
    /// A method.
    public struct Method {
        let function: LuaFunctionDeclaration

        /// Declares a method; the arguments do not hold the object.
        public static func method(
            _ name: String, _ parameters: [LuaParameter] = [], returns: [LuaResult] = [], _ text: String,
            example: String? = nil, _ body: @escaping (Object, LuaArguments) throws -> [LuaValue]
        ) -> Method {
            Method(
                function: LuaFunctionDeclaration(name, parameters, returns: returns, text, example: example) {
                    try body(LuaClass.object($0.receiver, for: name), $0)
                })
        }
    }

    /// A field that can be read.
    public struct Property {
        let field: LuaPropertyDeclaration

        /// Declares a field.
        public static func property(
            _ name: String, _ type: LuaType, _ text: String, _ get: @escaping (Object) throws -> LuaValue
        ) -> Property {
            Property(
                field: LuaPropertyDeclaration(name: name, type: type, text: text) {
                    try get(LuaClass.object($0, for: name))
                })
        }

        /// Declares a field that some objects lack: they have nil there.
        public static func optional(
            _ name: String, _ type: LuaType, _ text: String, _ get: @escaping (Object) throws -> LuaValue?
        ) -> Property {
            property(name, type, text) { try get($0) ?? .nil }
        }
    }

    /// What an operator does.
    public struct Operation {
        let body: ([LuaValue]) throws -> LuaValue

        /// An operator of the object alone: `unm`, `len`, `tostring`.
        public static func unary(_ body: @escaping (Object) throws -> LuaValue) -> Operation {
            Operation { try body(LuaClass.object($0.first?.objectValue, for: "operator")) }
        }

        /// An operator of two values, of which Lua promises only that one is an object of the class.
        public static func binary(_ body: @escaping (LuaValue, LuaValue) throws -> LuaValue) -> Operation {
            Operation { try body($0.first ?? .nil, $0.count > 1 ? $0[1] : .nil) }
        }

        /// A call of the object: `object(…)`.
        public static func call(_ body: @escaping (Object, [LuaValue]) throws -> LuaValue) -> Operation {
            Operation { try body(LuaClass.object($0.first?.objectValue, for: "call"), Array($0.dropFirst())) }
        }
    }

    /// Declares the class. `index` reads `object[key]` for keys that are no member, `newIndex` writes `object[key] = value`.
    public static func declaration(
        _ name: String, _ text: String, methods: [Method] = [], properties: [Property] = [],
        operators: [LuaOperator: Operation] = [:], index: ((Object, LuaValue) throws -> LuaValue)? = nil,
        newIndex: ((Object, LuaValue, LuaValue) throws -> Void)? = nil
    ) -> LuaClassDeclaration {
        LuaClassDeclaration(
            name: name, type: Object.self, text: text, methods: methods.map(\.function),
            properties: properties.map(\.field),
            operators: operators.mapValues(\.body),
            index: index.map { index in { try index(object($0, for: "index"), $1) } },
            newIndex: newIndex.map { newIndex in { try newIndex(object($0, for: "newindex"), $1, $2) } })
    }

    /// The one place where what Lua holds becomes what a declaration is written for. The host has looked at it before, and
    /// words what a script did wrong.
    private static func object(_ held: AnyObject?, for member: String) throws -> Object {
        guard let object = held as? Object else {
            throw LuaError("bad self to '\(member)' (wanted \(Object.self), got another object)")
        }
        return object
    }
}
