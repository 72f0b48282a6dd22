import Checkpoints
import Foundation
import Tensors
import TestSupport

/// A plausible value for a parameter, by its name and shape.
func weight(_ name: String, _ shape: [Int], salt: String = "") throws -> Tensor {
    try Tensor(weightValues(name, shape, salt: salt), shape: shape)
}

/// Noise over a slope, u8 [height, width, 3].
func bytesImage(_ name: String, _ height: Int, _ width: Int) throws -> Tensor {
    let noise = uniform(name, [height, width, 3], 0, 256)
    let bytes = noise.enumerated().map { index, value in
        UInt8((Int(UInt8(value)) + index / 3 % width + 2 * (index / 3 / width)) / 2 % 256)
    }
    return try Tensor(bytes, shape: [height, width, 3])
}

/// Tensors of one shape on top of each other.
func stack(_ tensors: [Tensor]) throws -> Tensor {
    let result = try Tensor(uninitialized: [tensors.count] + tensors[0].shape, tensors[0].dtype)
    for (index, tensor) in tensors.enumerated() {
        let bytes = tensor.count * tensor.dtype.size
        (result.pointer + index * bytes).copyMemory(from: tensor.pointer, byteCount: bytes)
    }
    return result
}

/// The expected outputs that Tests/Parity/generators/encoders_networks.py computes.
func expected(_ name: String) throws -> [Float] { try expectedText("networks", name) }

/// The largest relative error over rows of `width`.
func relativeError(_ tensor: Tensor, _ wanted: [Float], width: Int) throws -> Double {
    relativeError(try tensor.array(Float.self), wanted, width: width)
}

/// The outputs that the script of a fixture in Tests/Parity computes.
func expectedText(_ fixture: String, _ name: String) throws -> [Float] {
    try Checkpoint.open(Places.fixtures("encoders/\(fixture).safetensors"))[name].array(Float.self)
}

/// Every seventh token of `[N, T, C]`.
func seventh(_ x: Tensor) throws -> Tensor {
    let values = try x.array(Float.self)
    let (length, width) = (x.shape[1], x.shape[2])
    var result: [Float] = []
    for text in 0..<x.shape[0] {
        for token in stride(from: 0, to: length, by: 7) {
            let start = (text * length + token) * width
            result += values[start..<start + width]
        }
    }
    return try Tensor(result, shape: [result.count / width, width])
}
