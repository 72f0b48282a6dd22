import LuaRuntime
import Tensors

/// Views and selections of tensors.
enum TensorViewMethods {
    private static let sizes = LuaParameter("sizes", .variadic(.any), "The sizes, as numbers or as one list.")

    static let all: [TensorMethods.Method] = [
        TensorMethods.method("reshape", [sizes], "The same elements in another shape; one size may be -1.") {
            tensor, arguments in
            [.tensor(try tensor.reshaped(arguments.sizes(arguments.rest, name: "sizes")))]
        },
        TensorMethods.method("expand", [sizes], "A view with dimensions of size 1 repeated; -1 keeps a size.") {
            tensor, arguments in
            [.tensor(try tensor.expanded(arguments.sizes(arguments.rest, name: "sizes")))]
        },
        TensorMethods.method(
            "permute", [LuaParameter("dims", .variadic(.any), "The dimensions in their new order.")],
            "A view with the dimensions in another order."
        ) { tensor, arguments in
            let order = try arguments.sizes(arguments.rest, name: "dims").map {
                try arguments.axis($0, name: "dims", rank: tensor.rank)
            }
            return [.tensor(try tensor.permuted(order))]
        },
        TensorMethods.method(
            "transpose",
            [
                LuaParameter("first", .integer, default: .integer(1), "A dimension."),
                LuaParameter("second", .integer, default: .integer(2), "The dimension to swap it with."),
            ], "A view with two dimensions swapped."
        ) { tensor, arguments in
            let first = try arguments.axis("first", rank: tensor.rank)
            return [.tensor(try tensor.transposed(first, arguments.axis("second", rank: tensor.rank)))]
        },
        TensorMethods.method(
            "select",
            [LuaParameter("dim", .integer, "The dimension."), LuaParameter("index", .integer, "The index in it.")],
            "A view of one index of a dimension, which is dropped."
        ) { tensor, arguments in
            let axis = try arguments.axis("dim", rank: tensor.rank)
            let position = try arguments.position(
                arguments.integer("index"), name: "index", count: tensor.shape[axis])
            return [.tensor(try tensor.select(axis, position))]
        },
        TensorMethods.method(
            "narrow",
            [
                LuaParameter("dim", .integer, "The dimension."), LuaParameter("start", .integer, "The first index."),
                LuaParameter("length", .integer, "How many indexes."),
            ], "A view of some consecutive indexes of a dimension."
        ) { tensor, arguments in
            let axis = try arguments.axis("dim", rank: tensor.rank)
            let length = try arguments.integer("length")
            let start = try arguments.integer("start")
            let size = tensor.shape[axis]
            let first = start > 0 ? start - 1 : start < 0 ? size + start : -1
            guard first >= 0, length >= 0, first <= size, length <= size - first else {
                throw arguments.fail("length", "\(length) indexes from \(start) do not lie within 1 to \(size)")
            }
            return [.tensor(try tensor.narrow(axis, first, length))]
        },
        TensorMethods.method(
            "index",
            [
                LuaParameter("dim", .integer, "The dimension."),
                LuaParameter("indexes", .any, "A list or a tensor of indexes, counted from 1."),
            ], "A copy with the given indexes of a dimension, in their order."
        ) { tensor, arguments in
            let axis = try arguments.axis("dim", rank: tensor.rank)
            let indexes = try indexList(arguments.value("indexes"), arguments)
            let positions = try indexes.map {
                Int64(try arguments.position($0, name: "indexes", count: tensor.shape[axis]))
            }
            return [.tensor(try tensor.index(axis, Tensor(positions, shape: [positions.count])))]
        },
        TensorMethods.method(
            "masked_select", [LuaParameter("mask", .object("Tensor"), "A bool tensor of the same shape.")],
            "The elements where the mask is true, in row-major order."
        ) { tensor, arguments in [.tensor(try tensor.maskedSelect(arguments.tensor("mask")))] },
        TensorMethods.method(
            "squeeze", [LuaParameter("dim", .integer, optional: true, "The dimension; all of size 1 where absent.")],
            "A view without dimensions of size 1."
        ) { tensor, arguments in
            let axis = arguments.has("dim") ? try arguments.axis("dim", rank: tensor.rank) : nil
            return [.tensor(try tensor.squeezed(axis))]
        },
        TensorMethods.method(
            "unsqueeze", [LuaParameter("dim", .integer, "Where the new dimension stands.")],
            "A view with a new dimension of size 1."
        ) { tensor, arguments in
            [.tensor(try tensor.unsqueezed(arguments.axis("dim", rank: tensor.rank + 1)))]
        },
        TensorMethods.method("contiguous", "This tensor with its elements in row-major order without gaps.") {
            tensor, _ in [.tensor(try tensor.contiguous())]
        },
    ]

    /// Indexes from a list of integers or from a tensor of integral values.
    static func indexList(_ value: LuaValue, _ arguments: LuaArguments) throws -> [Int] {
        if case .object(let object as TensorObject) = value {
            guard object.tensor.dtype != .bool else {
                throw arguments.fail("indexes", "a bool tensor is a mask; use masked_select")
            }
            return try object.tensor.to(.i64).array(Int64.self).map(Int.init)
        }
        return try arguments.sizes([value], name: "indexes")
    }
}
