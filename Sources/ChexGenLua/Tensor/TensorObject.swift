import LuaRuntime
import Tensors

/// A tensor as Lua holds it.
package final class TensorObject: LuaExternalBytes {
    package let tensor: Tensor

    init(_ tensor: Tensor) { self.tensor = tensor }

    /// A view counts what it shows, which for a repeated dimension may be more than there is.
    package var externalBytes: Int {
        let (bytes, overflow) = tensor.count.multipliedReportingOverflow(by: tensor.dtype.size)
        return overflow ? tensor.storage.byteCount : min(bytes, tensor.storage.byteCount)
    }
}

/// A random stream as Lua holds it: PyTorch's CPU generator.
final class GeneratorObject {
    let generator: TorchGenerator

    init(_ generator: TorchGenerator) { self.generator = generator }
}

extension LuaValue {
    /// A tensor, wrapped for Lua.
    package static func tensor(_ tensor: Tensor) -> LuaValue { .object(TensorObject(tensor)) }

    /// The one element of a tensor as a plain Lua value: an integer, a number or a boolean.
    static func scalar(of tensor: Tensor) throws -> LuaValue {
        switch try tensor.item() {
        case .integer(let value): return .integer(value)
        case .number(let value): return .number(value)
        case .bool(let value): return .boolean(value)
        }
    }

    /// A number or a boolean as a scalar; nil for anything else.
    var scalarValue: Scalar? {
        switch self {
        case .integer(let value): return .integer(value)
        case .number(let value): return .number(value)
        case .boolean(let value): return .bool(value)
        default: return nil
        }
    }

    /// A list of strings.
    package static func list(_ strings: [String]) -> LuaValue { .table(LuaTable(array: strings.map { .string($0) })) }

    /// A list of integers.
    package static func list(_ integers: [Int]) -> LuaValue { .table(LuaTable(array: integers.map { .integer($0) })) }

    /// A table with named fields.
    package static func fields(_ fields: [(String, LuaValue)]) -> LuaValue { .table(LuaTable(fields: fields)) }

    /// A string, or nil.
    static func optional(_ string: String?) -> LuaValue { string.map { .string($0) } ?? .nil }

    /// What kind of value this is, in Lua's words.
    package var kind: String {
        switch self {
        case .nil: return "nil"
        case .boolean: return "boolean"
        case .integer: return "integer"
        case .number: return "number"
        case .string, .bytes: return "string"
        case .table: return "table"
        case .function, .closure: return "function"
        case .object(let object):
            return object is TensorObject ? "Tensor" : String(describing: type(of: object))
        }
    }
}

extension LuaArguments {
    /// A tensor argument.
    package func tensor(_ name: String) throws -> Tensor { try object(name, as: TensorObject.self).tensor }

    /// The dtype named by an argument, or `fallback` where it is absent.
    func dtype(_ name: String, default fallback: DType) throws -> DType {
        guard has(name) else { return fallback }
        let word = try string(name)
        guard let dtype = DType(rawValue: word) else {
            let known = DType.allCases.map(\.rawValue).joined(separator: ", ")
            throw fail(name, "wanted one of \(known), got \"\(word)\"")
        }
        return dtype
    }

    /// A dimension counted from 1, or from the end where negative, as an axis counted from 0.
    func axis(_ name: String, rank: Int) throws -> Int {
        try axis(integer(name), name: name, rank: rank)
    }

    func axis(_ dimension: Int, name: String, rank: Int) throws -> Int {
        let axis = dimension > 0 ? dimension - 1 : dimension < 0 ? rank + dimension : -1
        guard axis >= 0, axis < rank else {
            throw fail(name, "wanted a dimension of 1 to \(rank) or -1 to -\(rank), got \(dimension)")
        }
        return axis
    }

    /// An index counted from 1, or from the end where negative, as an index counted from 0.
    func position(_ index: Int, name: String, count: Int) throws -> Int {
        let position = index > 0 ? index - 1 : index < 0 ? count + index : -1
        guard position >= 0, position < count else {
            throw fail(name, "wanted an index of 1 to \(count), got \(index)")
        }
        return position
    }

    /// Sizes given as numbers, `f(2, 3)`, or as one list, `f{2, 3}`.
    func sizes(_ values: [LuaValue], name: String) throws -> [Int] {
        var items = values
        if items.count == 1, case .table(let table) = items[0] { items = table.array }
        return try items.map { item in
            switch item {
            case .integer(let size): return size
            case .number(let size) where size == size.rounded() && abs(size) < 0x1p53: return Int(size)
            default: throw fail(name, "wanted integers, got \(item.kind)")
            }
        }
    }
}

extension Tensor {
    /// Whether every element is true (not zero).
    func isAllTrue() throws -> Bool { try all().item() == .bool(true) }

    /// Whether any element is true (not zero).
    func isAnyTrue() throws -> Bool { try any().item() == .bool(true) }
}
