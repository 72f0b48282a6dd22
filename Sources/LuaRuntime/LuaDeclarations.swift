/// A parameter of a function, or a key of an options table.
public struct LuaParameter {
    /// The name, as error texts, stubs and the manual show it.
    public let name: String
    /// What the parameter takes.
    public let type: LuaType
    /// Whether `nil` may be given. A parameter with a default is optional, too.
    public let isOptional: Bool
    /// What stands for an absent value.
    public let `default`: LuaValue
    /// What the parameter means, with its unit and shape.
    public let text: String

    /// Declares a parameter; one with a default is optional.
    public init(_ name: String, _ type: LuaType, optional: Bool = false, default: LuaValue = .nil, _ text: String) {
        self.name = name
        self.type = type
        self.isOptional = optional || !`default`.isNil
        self.default = `default`
        self.text = text
    }
}

/// A result of a function.
public struct LuaResult {
    /// The name, for the manual.
    public let name: String
    /// What the function gives.
    public let type: LuaType
    /// What the result means, with its unit and shape.
    public let text: String

    /// Declares a result.
    public init(_ name: String, _ type: LuaType, _ text: String) {
        self.name = name
        self.type = type
        self.text = text
    }
}

/// A function that Lua can call: registration, argument checks, error texts, stubs and the manual come from here.
public struct LuaFunctionDeclaration {
    /// The name, without the module's.
    public let name: String
    /// The parameters, in order; a `.variadic` one may only be the last.
    public let parameters: [LuaParameter]
    /// The results, in order.
    public let returns: [LuaResult]
    /// What the function does.
    public let text: String
    /// A few lines of Lua that show it.
    public let example: String?
    /// What runs. Errors that it throws become Lua errors at the script's call.
    public let body: (LuaArguments) throws -> [LuaValue]

    /// Declares a function.
    public init(
        _ name: String, _ parameters: [LuaParameter], returns: [LuaResult] = [], _ text: String,
        example: String? = nil, body: @escaping (LuaArguments) throws -> [LuaValue]
    ) {
        self.name = name
        self.parameters = parameters
        self.returns = returns
        self.text = text
        self.example = example
        self.body = body
    }

    /// Declares a function without parameters.
    public init(
        _ name: String, returns: [LuaResult] = [], _ text: String,
        example: String? = nil, body: @escaping (LuaArguments) throws -> [LuaValue]
    ) {
        self.init(name, [], returns: returns, text, example: example, body: body)
    }
}

/// A field of an object that can be read. `LuaClass` makes it.
public struct LuaPropertyDeclaration {
    /// The name.
    public let name: String
    /// What it holds.
    public let type: LuaType
    /// What it means, with its unit.
    public let text: String
    /// Reads it from the object.
    let get: (AnyObject) throws -> LuaValue
}

/// An operator of a class, named as Lua's metamethod without its underscores.
public enum LuaOperator: String, CaseIterable, Hashable {
    case add, sub, mul, div, pow, unm, len, eq, lt, le, concat, tostring, call, mod, idiv
}

/// A class of Swift objects that Lua can hold. `LuaClass` makes it of bodies that get the object in its own type.
///
/// Besides what is declared, every object has `close()`, can be a `<close>` variable, and is released when collected.
public struct LuaClassDeclaration {
    /// The name, as error texts and stubs show it: `Tensor`.
    public let name: String
    /// The Swift class; objects of its subclasses belong to it, too, unless they have a declaration of their own.
    public let type: AnyClass
    /// What the objects are.
    public let text: String
    /// Methods; their bodies get the object as the arguments' `receiver`.
    public let methods: [LuaFunctionDeclaration]
    /// Fields that can be read. They win over `index`.
    public let properties: [LuaPropertyDeclaration]
    /// Operators. A body gets the operands (`unm`, `len`, `tostring`: one; `call`: the object and the arguments).
    let operators: [LuaOperator: ([LuaValue]) throws -> LuaValue]
    /// Reads `object[key]` for keys that are no member.
    let index: ((AnyObject, LuaValue) throws -> LuaValue)?
    /// Writes `object[key] = value`.
    let newIndex: ((AnyObject, LuaValue, LuaValue) throws -> Void)?
}

/// A constant of a module.
public struct LuaConstantDeclaration {
    /// The name.
    public let name: String
    /// Its type.
    public let type: LuaType
    /// Its value; tables become read-only.
    public let value: LuaValue
    /// What it means.
    public let text: String

    /// Declares a constant.
    public init(_ name: String, _ type: LuaType, _ value: LuaValue, _ text: String) {
        self.name = name
        self.type = type
        self.value = value
        self.text = text
    }
}

/// A module that `require` gives, as a read-only table.
public struct LuaModuleDeclaration {
    /// The name that `require` takes: `chexgen.tensor`.
    public let name: String
    /// What the module is for.
    public let text: String
    /// Its functions.
    public let functions: [LuaFunctionDeclaration]
    /// Its constants.
    public let constants: [LuaConstantDeclaration]
    /// The classes of the objects that its functions give.
    public let classes: [LuaClassDeclaration]

    /// Declares a module.
    public init(
        _ name: String, _ text: String, functions: [LuaFunctionDeclaration],
        constants: [LuaConstantDeclaration] = [], classes: [LuaClassDeclaration] = []
    ) {
        self.name = name
        self.text = text
        self.functions = functions
        self.constants = constants
        self.classes = classes
    }
}
