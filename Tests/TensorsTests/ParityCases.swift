import Foundation
import Tensors

/// One case of `Tests/Parity/generators/tensors_ops.py`: an operation, its inputs, and what PyTorch makes of them.
struct ParityCase {
    let operation: String
    let arguments: [String: Any]
    let inputs: [Tensor]
    let outputs: [Tensor]
    /// How large the terms of a result are where they cancel; the result's own size where absent.
    let scale: Double?
    let line: String

    func integer(_ name: String) -> Int? { (arguments[name] as? NSNumber)?.intValue }
    func number(_ name: String) -> Double? { (arguments[name] as? NSNumber)?.doubleValue }
    func flag(_ name: String) -> Bool { (arguments[name] as? NSNumber)?.boolValue ?? false }
    func integers(_ name: String) -> [Int] { (arguments[name] as? [NSNumber] ?? []).map(\.intValue) }
    func scalar(_ name: String) -> Scalar? {
        guard let value = arguments[name] as? NSNumber else { return nil }
        let double = value.doubleValue
        return double == double.rounded() && "\(value)".contains(".") == false
            ? .integer(value.intValue) : .number(double)
    }

    /// Reads all cases of a file.
    static func read(_ url: URL) throws -> [ParityCase] {
        let data = [UInt8](try Data(contentsOf: url))
        var position = 0
        var cases: [ParityCase] = []
        func storage(_ count: Int, _ dtype: DType) throws -> Storage {
            let bytes = count * dtype.size
            let storage = try Storage(byteCount: bytes)
            data.withUnsafeBytes { source in
                if let base = source.baseAddress, bytes > 0 {
                    storage.bytes.copyMemory(from: base + position, byteCount: bytes)
                }
            }
            position += bytes
            return storage
        }
        while position < data.count {
            guard let end = data[position...].firstIndex(of: 10) else { break }
            let text = String(decoding: data[position..<end], as: UTF8.self)
            position = end + 1
            guard let head = try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any] else { break }
            func dtype(_ entry: [String: Any]) -> DType { DType(rawValue: entry["dtype"] as? String ?? "") ?? .f32 }
            func list(_ entry: [String: Any], _ name: String) -> [Int] { entry[name] as? [Int] ?? [] }
            let inputs = try (head["inputs"] as? [[String: Any]] ?? []).map { entry -> Tensor in
                try Tensor(
                    storage: try storage(entry["count"] as? Int ?? 0, dtype(entry)), dtype: dtype(entry),
                    shape: list(entry, "shape"), strides: list(entry, "strides"), offset: entry["offset"] as? Int ?? 0)
            }
            let outputs = try (head["outputs"] as? [[String: Any]] ?? []).map { entry -> Tensor in
                let shape = list(entry, "shape")
                return try Tensor(
                    storage: try storage(shape.reduce(1, *), dtype(entry)), dtype: dtype(entry), shape: shape,
                    strides: Tensor.contiguousStrides(shape), offset: 0)
            }
            cases.append(
                ParityCase(
                    operation: head["op"] as? String ?? "", arguments: head["args"] as? [String: Any] ?? [:],
                    inputs: inputs, outputs: outputs, scale: (head["tolerance"] as? NSNumber)?.doubleValue, line: text))
        }
        return cases
    }

    /// What is wrong with `results`, or nil.
    func difference(_ results: [Tensor]) throws -> String? {
        guard results.count == outputs.count else { return "\(results.count) results" }
        for (got, wanted) in zip(results, outputs) {
            guard got.dtype == wanted.dtype, got.shape == wanted.shape else {
                return "got \(got.dtype) \(got.shape), wanted \(wanted.dtype) \(wanted.shape)"
            }
            let (a, b) = (try got.doubles(), try wanted.doubles())
            // One rounding of half precision may fall the other way.
            let relative: Double
            switch wanted.dtype {
            case .bf16: relative = 0x1p-7
            case .f16: relative = 0x1p-10
            case .f32: relative = 2e-6
            case .f64: relative = 1e-12
            default: relative = 0
            }
            for index in a.indices {
                if a[index] == b[index] || (a[index].isNaN && b[index].isNaN) { continue }
                let error = abs(a[index] - b[index])
                let tiny = wanted.dtype == .f16 ? 1.3e-7 : wanted.dtype == .f32 ? 1e-7 * relative : 1e-300
                if !(error <= relative * Swift.max(abs(b[index]), scale ?? 0) + tiny) {
                    return "element \(index): got \(a[index]), wanted \(b[index])"
                }
            }
        }
        return nil
    }
}
