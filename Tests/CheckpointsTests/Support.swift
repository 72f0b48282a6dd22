import Checkpoints
import Foundation
import Tensors
import TestSupport
import Testing

/// The committed files of the reference libraries.
let fixtures = Places.fixtures("checkpoints")

/// Every value as a double, in row-major order.
func values(_ tensor: Tensor) throws -> [Double] {
    switch tensor.dtype {
    case .f64: return try tensor.array(Double.self)
    case .f32: return try tensor.array(Float.self).map(Double.init)
    case .f16: return try tensor.array(Float16.self).map(Double.init)
    case .bf16: return try tensor.array(BFloat16.self).map { Double($0.float) }
    case .i64: return try tensor.array(Int64.self).map(Double.init)
    case .i32: return try tensor.array(Int32.self).map(Double.init)
    case .u8: return try tensor.array(UInt8.self).map(Double.init)
    case .bool: return try tensor.array(Bool.self).map { $0 ? 1 : 0 }
    }
}

func littleEndian<Word: FixedWidthInteger>(_ word: Word) -> [UInt8] {
    withUnsafeBytes(of: word.littleEndian) { Array($0) }
}

/// A safetensors file of a header and `dataCount` bytes of zeros.
func safeTensors(_ header: String, data dataCount: Int = 0) -> [UInt8] {
    littleEndian(UInt64(header.utf8.count)) + Array(header.utf8) + [UInt8](repeating: 0, count: dataCount)
}

/// Text that shows a path's last part only, so that messages can be compared.
func shortened(_ text: String, _ scratch: Scratch) -> String {
    text.replacingOccurrences(of: scratch.path + "/", with: "")
}
