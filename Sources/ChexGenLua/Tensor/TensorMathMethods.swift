import LuaRuntime
import Tensors

/// Element-by-element operations of tensors.
enum TensorMathMethods {
    static let all: [TensorMethods.Method] = comparisons + functions

    private static let comparisons: [TensorMethods.Method] = [
        comparison("eq", .equal, "=="), comparison("ne", .notEqual, "~="), comparison("lt", .less, "<"),
        comparison("le", .lessOrEqual, "<="), comparison("gt", .greater, ">"), comparison("ge", .greaterOrEqual, ">="),
    ]

    private static func comparison(_ name: String, _ operation: BinaryOperation, _ sign: String)
        -> TensorMethods.Method
    {
        TensorMethods.method(
            name, [LuaParameter("other", .oneOf([.object("Tensor"), .number]), "A tensor or a number.")],
            "A bool tensor: `self \(sign) other`, with broadcasting."
        ) { tensor, arguments in
            [try TensorMethods.arithmetic(operation, .tensor(tensor), arguments.value("other"))]
        }
    }

    private static let functions: [TensorMethods.Method] = [
        unary("abs", .abs, "|x|."), unary("exp", .exp, "e^x."), unary("log", .log, "The natural logarithm."),
        unary("sqrt", .sqrt, "The square root."), unary("sigmoid", .sigmoid, "1 / (1 + e^-x)."),
        unary("tanh", .tanh, "The hyperbolic tangent."), unary("relu", .relu, "max(x, 0)."),
        unary("gelu", .gelu, "x Φ(x), with the error function."), unary("silu", .silu, "x sigmoid(x)."),
        TensorMethods.method(
            "pow", [LuaParameter("exponent", .oneOf([.object("Tensor"), .number]), "A tensor or a number.")],
            "x to the power of the exponent."
        ) { tensor, arguments in
            [try TensorMethods.arithmetic(.power, .tensor(tensor), arguments.value("exponent"))]
        },
        TensorMethods.method(
            "clamp",
            [
                LuaParameter("min", .number, optional: true, "The least value."),
                LuaParameter("max", .number, optional: true, "The greatest value."),
            ], "Every element moved into [min, max]."
        ) { tensor, arguments in
            guard arguments.has("min") || arguments.has("max") else {
                throw arguments.fail("min", "wanted min, max or both")
            }
            return [
                .tensor(try tensor.clamp(arguments.value("min").scalarValue, arguments.value("max").scalarValue))
            ]
        },
        TensorMethods.method(
            "softmax", [LuaParameter("dim", .integer, default: .integer(-1), "The dimension.")],
            "e^x over its sum along a dimension."
        ) { tensor, arguments in [.tensor(try tensor.softmax(arguments.axis("dim", rank: tensor.rank)))] },
        TensorMethods.method(
            "log_softmax", [LuaParameter("dim", .integer, default: .integer(-1), "The dimension.")],
            "The logarithm of the softmax along a dimension."
        ) { tensor, arguments in [.tensor(try tensor.logSoftmax(arguments.axis("dim", rank: tensor.rank)))] },
        TensorMethods.method(
            "cumsum", [LuaParameter("dim", .integer, default: .integer(-1), "The dimension.")],
            "Running sums along a dimension."
        ) { tensor, arguments in [.tensor(try tensor.cumsum(arguments.axis("dim", rank: tensor.rank)))] },
    ]

    private static func unary(_ name: String, _ operation: UnaryOperation, _ text: String) -> TensorMethods.Method {
        TensorMethods.method(name, "Of every element: \(text)") { tensor, _ in
            [.tensor(try tensor.unary(operation))]
        }
    }
}
