import LuaRuntime
import Tensors

/// Between nested Lua lists and tensors.
enum TensorNesting {
    /// The tensor of a number, a boolean or a (nested) list of them; every row must have the same length.
    /// Booleans give `bool`, numbers `f32`, unless `dtype` says otherwise.
    static func tensor(from value: LuaValue, dtype: DType?, arguments: LuaArguments, name: String) throws -> Tensor {
        var shape: [Int] = []
        var probe = value
        while case .table(let table) = probe {
            shape.append(table.array.count)
            guard shape.count <= Tensor.maximumRank else {
                throw arguments.fail(name, "lists nested deeper than \(Tensor.maximumRank)")
            }
            guard let first = table.array.first else { break }
            probe = first
        }
        var numbers: [Double] = []
        var integers: [Int] = []
        var exact = true
        var booleans = 0
        func visit(_ value: LuaValue, _ depth: Int) throws {
            switch value {
            case .table(let table):
                guard depth < shape.count, table.array.count == shape[depth], table.fields.isEmpty else {
                    throw arguments.fail(
                        name, "wanted nested lists of equal lengths, got a list of \(table.array.count)")
                }
                for item in table.array { try visit(item, depth + 1) }
            case .integer(let number) where depth == shape.count:
                numbers.append(Double(number))
                integers.append(number)
            case .number(let number) where depth == shape.count:
                exact = false
                numbers.append(number)
            case .boolean(let flag) where depth == shape.count:
                booleans += 1
                numbers.append(flag ? 1 : 0)
                integers.append(flag ? 1 : 0)
            case .object(let object as TensorObject) where depth == shape.count && object.tensor.count == 1:
                exact = false
                numbers.append(try object.tensor.item().double)
            default:
                throw arguments.fail(name, "wanted numbers in nested lists of equal lengths, got \(value.kind)")
            }
        }
        try visit(value, 0)
        let type = dtype ?? (booleans > 0 && booleans == numbers.count ? .bool : .f32)
        if exact, type == .i64 || type == .i32 {
            return try Tensor(integers.map(Int64.init), shape: shape).to(type)
        }
        return try Tensor.from(doubles: numbers, shape: shape, dtype: type)
    }

    /// Nested lists of a tensor's elements; a scalar gives the element itself.
    static func lists(of tensor: Tensor) throws -> LuaValue {
        if tensor.rank == 0 { return try .scalar(of: tensor) }
        // A value and its place in a list, here, on the way and in Lua.
        try Storage.checkRoom(tensor.count, 96)
        // Tensors without elements have lists, too: [1000000, 0] is a million empty ones.
        let lists = tensor.shape.dropLast().prefix { $0 > 0 }.reduce(1, *)
        guard lists <= 20_000_000 else {
            throw LuaError("totable: a tensor of shape \(Tensor.text(tensor.shape)) has too many lists, \(lists)")
        }
        try Storage.checkRoom(lists, 160)
        let flat: [LuaValue]
        switch tensor.dtype {
        case .i64, .i32, .u8:
            flat = try tensor.to(.i64).array(Int64.self).map { .integer(Int($0)) }
        case .bool:
            flat = try tensor.array(Bool.self).map { .boolean($0) }
        case .f32, .f64, .bf16, .f16:
            flat = try tensor.to(.f64).array(Double.self).map { .number($0) }
        }
        func nest(_ axis: Int, _ start: Int, _ length: Int) -> LuaValue {
            let size = tensor.shape[axis]
            if axis == tensor.rank - 1 { return .table(LuaTable(array: Array(flat[start..<start + size]))) }
            let step = size == 0 ? 0 : length / size
            return .table(LuaTable(array: (0..<size).map { nest(axis + 1, start + $0 * step, step) }))
        }
        return nest(0, 0, flat.count)
    }
}
