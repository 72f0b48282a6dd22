import LuaRuntime
import Tensors

/// Reductions: without a dimension they give a plain Lua number, along a dimension a tensor.
enum TensorReductionMethods {
    private static let keepDimension = LuaParameter(
        "keepdim", .boolean, default: .boolean(false), "Whether the dimension stays, with size 1.")
    private static let reduced = [
        LuaResult("value", .any, "A number; a tensor where a dimension is given.")
    ]

    static let all: [TensorMethods.Method] = [
        reduction("sum", "The sum.") { try $0.sum($1, keepDimension: $2) },
        reduction("mean", "The mean.") { try $0.mean($1, keepDimension: $2) },
        reduction("prod", "The product.") { try $0.prod($1, keepDimension: $2) },
        reduction("std", "The standard deviation over n - 1.") { try $0.std($1, keepDimension: $2) },
        reduction("var", "The variance over n - 1.") { try $0.variance($1, keepDimension: $2) },
        reduction("norm", "The Euclidean norm.") { try $0.norm($1, keepDimension: $2) },
        extreme("max", "The greatest element; along a dimension also its indexes.", greatest: true),
        extreme("min", "The least element; along a dimension also its indexes.", greatest: false),
        position("argmax", "The index, from 1, of the greatest element (of the flattened tensor without a dimension).")
        {
            try $0.argmax($1, keepDimension: $2)
        },
        position("argmin", "The index, from 1, of the least element (of the flattened tensor without a dimension).") {
            try $0.argmin($1, keepDimension: $2)
        },
        TensorMethods.method(
            "sort",
            [
                LuaParameter("dim", .integer, default: .integer(-1), "The dimension."),
                LuaParameter("descending", .boolean, default: .boolean(false), "Whether the greatest come first."),
            ], returns: pair, "The elements in order along a dimension (a stable sort), and their indexes from 1."
        ) { tensor, arguments in
            let axis = try arguments.axis("dim", rank: tensor.rank)
            let (values, indices) = try tensor.sort(axis, descending: arguments.boolean("descending"))
            return [.tensor(values), .tensor(try fromOne(indices))]
        },
        TensorMethods.method(
            "topk",
            [
                LuaParameter("k", .integer, "How many."),
                LuaParameter("dim", .integer, default: .integer(-1), "The dimension."),
                LuaParameter("largest", .boolean, default: .boolean(true), "Whether the greatest are wanted."),
            ], returns: pair, "The k greatest elements along a dimension, greatest first, and their indexes from 1."
        ) { tensor, arguments in
            let axis = try arguments.axis("dim", rank: tensor.rank)
            let (values, indices) = try tensor.topk(
                arguments.integer("k"), axis, largest: arguments.boolean("largest"))
            return [.tensor(values), .tensor(try fromOne(indices))]
        },
        TensorMethods.method(
            "all", returns: [LuaResult("result", .boolean, "The answer.")], "Whether every element is true (not zero)."
        ) { tensor, _ in [.boolean(try tensor.isAllTrue())] },
        TensorMethods.method(
            "any", returns: [LuaResult("result", .boolean, "The answer.")], "Whether any element is true (not zero)."
        ) { tensor, _ in [.boolean(try tensor.isAnyTrue())] },
    ]

    private static let indexes = LuaResult(
        "indexes", .object("Tensor"), "Where they are along the dimension, from 1; nil without a dimension.")

    private static let pair = [
        LuaResult("values", .object("Tensor"), "The values."),
        LuaResult("indexes", .object("Tensor"), "Their indexes along the dimension, from 1."),
    ]

    private static func reduction(
        _ name: String, _ text: String, _ reduce: @escaping (Tensor, Int?, Bool) throws -> Tensor
    ) -> TensorMethods.Method {
        TensorMethods.method(name, [TensorMethods.dimension, keepDimension], returns: reduced, text) {
            tensor, arguments in
            guard arguments.has("dim") else { return [try .scalar(of: reduce(tensor, nil, false))] }
            let axis = try arguments.axis("dim", rank: tensor.rank)
            return [.tensor(try reduce(tensor, axis, arguments.boolean("keepdim")))]
        }
    }

    private static func extreme(_ name: String, _ text: String, greatest: Bool) -> TensorMethods.Method {
        TensorMethods.method(name, [TensorMethods.dimension, keepDimension], returns: reduced + [indexes], text) {
            tensor, arguments in
            guard arguments.has("dim") else {
                return [try .scalar(of: greatest ? tensor.max() : tensor.min())]
            }
            let axis = try arguments.axis("dim", rank: tensor.rank)
            let keep = try arguments.boolean("keepdim")
            let (values, indices) =
                greatest
                ? try tensor.max(axis, keepDimension: keep) : try tensor.min(axis, keepDimension: keep)
            return [.tensor(values), .tensor(try fromOne(indices))]
        }
    }

    private static func position(
        _ name: String, _ text: String, _ find: @escaping (Tensor, Int?, Bool) throws -> Tensor
    ) -> TensorMethods.Method {
        TensorMethods.method(name, [TensorMethods.dimension, keepDimension], returns: reduced, text) {
            tensor, arguments in
            guard arguments.has("dim") else {
                return [try .scalar(of: fromOne(find(tensor, nil, false)))]
            }
            let axis = try arguments.axis("dim", rank: tensor.rank)
            return [.tensor(try fromOne(find(tensor, axis, arguments.boolean("keepdim"))))]
        }
    }

    /// Indexes counted from 0, as the rooms below count, to Lua's count from 1.
    private static func fromOne(_ indices: Tensor) throws -> Tensor { try Tensor.binary(.add, indices, .integer(1)) }
}
