import Checkpoints
import Foundation
import ParityFormula
import Tensors

/// A plausible value for a parameter, by its name and shape.
func weight(_ name: String, _ shape: [Int], salt: String = "") throws -> Tensor {
    let key = salt + name
    let values: [Float]
    if name.hasSuffix("running_var") {
        values = uniform(key, shape, 0.5, 1.5)
    } else if name.hasSuffix("lambda1") {
        values = uniform(key, shape, 0.1, 0.9)
    } else if shape.count == 1 {
        values = name.hasSuffix("weight") ? uniform(key, shape, 0.8, 1.2) : uniform(key, shape, -0.1, 0.1)
    } else if name.contains("embeddings.cls_token") || name.contains("embeddings.position") {
        values = uniform(key, shape, -0.5, 0.5)
    } else {
        let inputs = shape.dropFirst().reduce(1, *)
        let bound = (Float((shape.count == 4 && shape[1] != 3 ? 6.0 : 3.0) / Double(inputs))).squareRoot()
        values = uniform(key, shape, -bound, bound)
    }
    return try Tensor(values, shape: shape)
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

/// The expected outputs that Tests/Parity/encoders_networks.py computes.
func expected(_ name: String) throws -> [Float] { try expectedText("networks", name) }

/// The largest |a - b| / |b| over rows of `width`.
func relativeError(_ tensor: Tensor, _ wanted: [Float], width: Int) throws -> Double {
    let values = try tensor.array(Float.self)
    guard values.count == wanted.count, width > 0, values.count % width == 0 else { return .infinity }
    var worst = 0.0
    for row in stride(from: 0, to: values.count, by: width) {
        var difference = 0.0
        var norm = 0.0
        for index in row..<row + width {
            difference += Double(values[index] - wanted[index]) * Double(values[index] - wanted[index])
            norm += Double(wanted[index]) * Double(wanted[index])
        }
        worst = max(worst, (difference / norm).squareRoot())
    }
    return worst
}

/// A folder that is removed at the end.
final class TemporaryFolder {
    let path = NSTemporaryDirectory() + "chexgen-\(UUID().uuidString)"
    init() throws { try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true) }
    deinit { try? FileManager.default.removeItem(atPath: path) }

    func write(_ file: String, _ text: String) throws {
        try text.write(toFile: "\(path)/\(file)", atomically: true, encoding: .utf8)
    }
}

/// The outputs that the script of a fixture in Tests/Parity computes.
func expectedText(_ fixture: String, _ name: String) throws -> [Float] {
    let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    let path = folder.appendingPathComponent("Parity/fixtures/encoders/\(fixture).safetensors").path
    return try Checkpoint.open(path)[name].array(Float.self)
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
