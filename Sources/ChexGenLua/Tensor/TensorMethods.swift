import LuaRuntime
import Tensors

/// The class `Tensor` of Lua: views, arithmetic, reductions, linear algebra.
enum TensorMethods {
    static var declaration: LuaClassDeclaration {
        LuaClass<TensorObject>.declaration(
            "Tensor",
            "An n-dimensional array. `t[i]` selects along dimension 1 (a number where one dimension is left), "
                + "`t[i] = x` writes, `#t` is the size of dimension 1.",
            methods: inspection + TensorViewMethods.all + TensorMathMethods.all + TensorReductionMethods.all
                + TensorLinearAlgebraMethods.all,
            operators: operators, index: index, newIndex: assign)
    }

    typealias Method = LuaClass<TensorObject>.Method

    /// Declares a method whose body gets the tensor.
    static func method(
        _ name: String, _ parameters: [LuaParameter] = [], returns: [LuaResult] = tensorResult, _ text: String,
        _ body: @escaping (Tensor, LuaArguments) throws -> [LuaValue]
    ) -> Method {
        .method(name, parameters, returns: returns, text) { object, arguments in
            try body(object.tensor, arguments)
        }
    }

    /// Declares a method without parameters that gives a tensor.
    static func method(
        _ name: String, _ text: String, _ body: @escaping (Tensor, LuaArguments) throws -> [LuaValue]
    ) -> Method {
        method(name, [], returns: tensorResult, text, body)
    }

    static let tensorResult = [LuaResult("tensor", .object("Tensor"), "The result.")]
    static let dimension = LuaParameter("dim", .integer, optional: true, "The dimension; all elements where absent.")

    // MARK: Inspection

    private static let inspection: [Method] = [
        method("shape", returns: [LuaResult("sizes", .list(.integer), "The size of every dimension.")], "The sizes.") {
            tensor, _ in [.list(tensor.shape)]
        },
        method(
            "size", [LuaParameter("dim", .integer, optional: true, "The dimension.")],
            returns: [LuaResult("size", .any, "The size of `dim`; the list of sizes without one.")],
            "The size of a dimension."
        ) { tensor, arguments in
            if !arguments.has("dim") { return [.list(tensor.shape)] }
            return [.integer(tensor.shape[try arguments.axis("dim", rank: tensor.rank)])]
        },
        method("dim", returns: [LuaResult("count", .integer, "How many.")], "The number of dimensions.") {
            tensor, _ in [.integer(tensor.rank)]
        },
        method("numel", returns: [LuaResult("count", .integer, "How many.")], "The number of elements.") {
            tensor, _ in [.integer(tensor.count)]
        },
        method("dtype", returns: [LuaResult("name", .string, "The dtype.")], "The element type.") {
            tensor, _ in [.string(tensor.dtype.rawValue)]
        },
        method("item", returns: [LuaResult("value", .any, "A number or a boolean.")], "The only element.") {
            tensor, _ in [try .scalar(of: tensor)]
        },
        method("totable", returns: [LuaResult("values", .any, "Nested lists.")], "The elements as nested Lua lists.") {
            tensor, _ in [try TensorNesting.lists(of: tensor)]
        },
        method("clone", "A copy with its own memory.") { tensor, _ in [.tensor(try tensor.clone())] },
        method(
            "to", [LuaParameter("dtype", .choice(DType.allCases.map(\.rawValue)), "The wanted dtype.")],
            "This tensor in another dtype."
        ) { tensor, arguments in [.tensor(try tensor.to(arguments.dtype("dtype", default: .f32)))] },
        method(
            "allclose",
            [
                LuaParameter("other", .object("Tensor"), "The tensor to compare with."),
                LuaParameter("rtol", .number, default: .number(1e-5), "Relative tolerance."),
                LuaParameter("atol", .number, default: .number(1e-8), "Absolute tolerance."),
            ], returns: [LuaResult("close", .boolean, "Whether every pair is close.")],
            "Whether |a - b| <= atol + rtol |b| holds for every element."
        ) { tensor, arguments in
            let other = try arguments.tensor("other")
            return [
                .boolean(
                    try tensor.allclose(
                        other, relative: arguments.number("rtol"), absolute: arguments.number("atol")))
            ]
        },
    ]

    // MARK: Operators

    private static let operators: [LuaOperator: LuaClass<TensorObject>.Operation] = [
        .add: .binary { try arithmetic(.add, $0, $1) }, .sub: .binary { try arithmetic(.subtract, $0, $1) },
        .mul: .binary { try arithmetic(.multiply, $0, $1) }, .div: .binary { try arithmetic(.divide, $0, $1) },
        .pow: .binary { try arithmetic(.power, $0, $1) },
        .unm: .unary { .tensor(try $0.tensor.unary(.negative)) },
        .len: .unary { .integer($0.tensor.shape.first ?? 0) },
        .eq: .binary {
            guard case .object(let left as TensorObject) = $0, case .object(let right as TensorObject) = $1 else {
                return .boolean(false)
            }
            if left === right { return .boolean(true) }
            guard left.tensor.shape == right.tensor.shape, left.tensor.dtype == right.tensor.dtype else {
                return .boolean(false)
            }
            return .boolean(try Tensor.binary(.equal, left.tensor, right.tensor).isAllTrue())
        },
        .tostring: .unary { .string($0.tensor.description) },
    ]

    /// `a op b` where one side may be a number.
    static func arithmetic(_ operation: BinaryOperation, _ left: LuaValue, _ right: LuaValue) throws -> LuaValue {
        if case .object(let tensor as TensorObject) = left {
            if let number = right.scalarValue {
                return .tensor(try Tensor.binary(operation, tensor.tensor, number))
            }
            return .tensor(try Tensor.binary(operation, tensor.tensor, operand(right)))
        }
        guard let number = left.scalarValue else { _ = try operand(left); return .nil }
        return .tensor(try Tensor.binary(operation, number, operand(right)))
    }

    private static func operand(_ value: LuaValue) throws -> Tensor {
        guard case .object(let object as TensorObject) = value else {
            throw LuaError("tensor arithmetic: wanted a Tensor or a number, got \(value.kind)")
        }
        return object.tensor
    }

    // MARK: Indexing

    private static func index(_ object: TensorObject, _ key: LuaValue) throws -> LuaValue {
        let selected = try element(object.tensor, key)
        return selected.rank == 0 ? try .scalar(of: selected) : .tensor(selected)
    }

    private static func assign(_ object: TensorObject, _ key: LuaValue, _ value: LuaValue) throws {
        let target = try element(object.tensor, key)
        switch value {
        case .object(let source as TensorObject):
            try target.assign(from: source.tensor)
        default:
            guard let scalar = value.scalarValue else {
                throw LuaError("tensor assignment: wanted a number, a boolean or a Tensor, got \(value.kind)")
            }
            try target.fill(scalar)
        }
    }

    /// `t[i]`, or `t[{i, j}]` through several dimensions at once.
    private static func element(_ tensor: Tensor, _ key: LuaValue) throws -> Tensor {
        if let index = key.integerValue {
            guard tensor.rank > 0 else { throw LuaError("tensor index: a scalar has no dimensions; use item()") }
            let size = tensor.shape[0]
            let position = index > 0 ? index - 1 : index < 0 ? size + index : -1
            guard position >= 0, position < size else {
                throw LuaError("tensor index: wanted 1 to \(size), got \(index)")
            }
            return try tensor.select(0, position)
        }
        if case .table(let table) = key {
            guard !table.array.isEmpty else { throw LuaError("tensor index: wanted at least one index") }
            return try table.array.reduce(tensor) { try element($0, $1) }
        }
        if let number = key.numberValue {
            throw LuaError("tensor index: wanted an integer or a list of integers, got \(number)")
        }
        guard let name = key.stringValue else {
            throw LuaError("tensor index: wanted an integer or a list of integers, got \(key.kind)")
        }
        throw LuaError("Tensor has no field '\(name)'")
    }
}
