import Files
import Foundation
import Metrics
import Tensors
import TestSupport
import Testing

/// Features from the formula that `Tests/Parity/generators/metrics_reference.py` shares.
enum Features {
    /// 24-bit fractions: splitmix64 of `key * 2^32 + index`.
    static func uniforms(_ key: UInt64, _ count: Int) -> [Double] {
        (0..<count).map { index in
            var z = (key << 32) &+ UInt64(index)
            z = z &* 0x9E37_79B9_7F4A_7C15 &+ 0x9E37_79B9_7F4A_7C15
            z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
            z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
            z ^= z >> 31
            return Double(z >> 40) * 0x1p-24
        }
    }

    static func values(_ key: UInt64, _ rows: Int, _ columns: Int) -> [Float] {
        let own = uniforms(key, rows * columns)
        let common = uniforms(key + 1000, rows)
        return (0..<rows * columns).map { index in
            let (row, column) = (index / columns, index % columns)
            let noise = (own[index] - 0.5) * Double(1 + column % 7) * 0.5
            return Float(noise + (common[row] - 0.5) * Double(column % 3) + 0.125 * Double(key % 3))
        }
    }

    static func make(_ key: UInt64, _ rows: Int, _ columns: Int) throws -> Tensor {
        try Tensor(values(key, rows, columns), shape: [rows, columns])
    }

    /// `make` with each value changed by a function of value, row and column.
    static func make(
        _ key: UInt64, _ rows: Int, _ columns: Int, _ change: (Float, Int, Int) -> Float
    ) throws -> Tensor {
        let changed = values(key, rows, columns).enumerated().map { change($1, $0 / columns, $0 % columns) }
        return try Tensor(changed, shape: [rows, columns])
    }

    /// Rows of a tensor, in the given order.
    static func rows(_ tensor: Tensor, _ order: [Int]) throws -> Tensor {
        let values = try tensor.array(Float.self)
        let columns = tensor.shape[1]
        return try Tensor(
            order.flatMap { values[$0 * columns..<($0 + 1) * columns] }, shape: [order.count, columns])
    }

    /// The pair of sets of a case of the reference script.
    static func pair(_ name: String) throws -> (Tensor, Tensor) {
        switch name {
        case "fewer rows than columns": return (try make(1, 20, 48), try make(2, 24, 48))
        case "as many rows as columns": return (try make(3, 16, 16), try make(4, 16, 16))
        case "one row more": return (try make(3, 17, 16), try make(4, 17, 16))
        case "more rows than columns": return (try make(5, 60, 12), try make(6, 50, 12))
        case "one set of each kind": return (try make(5, 60, 24), try make(6, 10, 24))
        case "two rows": return (try make(7, 2, 5), try make(8, 2, 5))
        case "collapsed":
            return (try make(9, 30, 8), try rows(make(10, 1, 8), [Int](repeating: 0, count: 30)))
        case "two modes":
            return (try make(9, 30, 20), try rows(make(10, 2, 20), (0..<30).map { $0 / 15 }))
        case "constant columns":
            let first = try make(11, 40, 10) { value, _, column in column == 3 ? 0.25 : value }
            return (
                first,
                try make(12, 40, 10) { value, _, column in column == 3 ? 0.25 : column == 5 ? -1 : value }
            )
        case "far apart": return (try make(13, 40, 10), try make(14, 40, 10) { value, _, _ in value + 100 })
        default: throw MissingCase(name: name)
        }
    }

    static let cases = [
        "fewer rows than columns", "as many rows as columns", "one row more", "more rows than columns",
        "one set of each kind", "two rows", "collapsed", "two modes", "constant columns", "far apart",
    ]
}

struct MissingCase: Error { let name: String }

/// The reference's numbers.
struct Reference {
    let root: [String: Any]

    init() throws {
        let json = try JSON.read(Places.fixtures("metrics/reference.json"))
        root = try #require(Reference.plain(json) as? [String: Any])
    }

    private static func plain(_ json: JSON) -> Any {
        if let members = json.object {
            return Dictionary(uniqueKeysWithValues: members.map { ($0.key, plain($0.value)) })
        }
        if let elements = json.array {
            let numbers = elements.compactMap(\.number)
            if numbers.count == elements.count { return numbers }
            return elements.map(plain)
        }
        return json.number ?? json.string ?? ""
    }

    /// The value at a path of keys.
    func value<Value>(_ path: String...) throws -> Value {
        var here: Any = root
        for key in path { here = try #require((here as? [String: Any])?[key], "\(path)") }
        return try #require(here as? Value, "\(path)")
    }
}

/// Whether two numbers agree to a relative (or, near zero, absolute) tolerance.
func close(_ left: Double, _ right: Double, _ tolerance: Double, floor: Double = 1e-300) -> Bool {
    abs(left - right) <= tolerance * max(abs(left), abs(right), floor)
}
