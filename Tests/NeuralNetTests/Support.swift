import Checkpoints
import Foundation
import NeuralNet
import Tensors

/// Uniform values by formula: splitmix64 of the FNV-1a hash of the name plus the index, upper 24 bits.
func uniform(_ name: String, _ shape: [Int], _ low: Float = -1, _ high: Float = 1) -> [Float] {
    var seed: UInt64 = 0xCBF2_9CE4_8422_2325
    for byte in name.utf8 { seed = (seed ^ UInt64(byte)) &* 0x100_0000_01B3 }
    return (0..<shape.reduce(1, *)).map { index in
        var z = seed &+ (UInt64(index) &+ 1) &* 0x9E37_79B9_7F4A_7C15
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        z = z ^ (z >> 31)
        return low + (high - low) * (Float(z >> 40) / Float(1 << 24))
    }
}

/// Fills every parameter of a network with uniform values through a checkpoint file, and returns them by name.
@discardableResult
func fill(_ scope: ParameterScope, positive: String = "running_var") throws -> [String: [Float]] {
    var values: [String: [Float]] = [:]
    var tensors: [(name: String, tensor: Tensor)] = []
    for parameter in scope.parameters {
        let isPositive = parameter.name.hasSuffix(positive)
        let made = uniform(parameter.name, parameter.shape, isPositive ? 0.5 : -0.5, isPositive ? 1.5 : 0.5)
        values[parameter.name] = made
        tensors.append((parameter.name, try Tensor(made, shape: parameter.shape)))
    }
    let path = NSTemporaryDirectory() + "chexgen-\(UUID().uuidString).safetensors"
    defer { try? FileManager.default.removeItem(atPath: path) }
    try SafeTensors.write(path, tensors, metadata: [:])
    try scope.load(Checkpoint.open(path))
    return values
}

/// |a - b| / |b|.
func relativeError(_ a: [Float], _ b: [Double]) -> Double {
    guard a.count == b.count else { return .infinity }
    var difference = 0.0
    var norm = 0.0
    for (x, y) in zip(a, b) {
        difference += (Double(x) - y) * (Double(x) - y)
        norm += y * y
    }
    return (difference / max(norm, 1e-300)).squareRoot()
}

/// The values of an f32 or bf16 tensor.
func floats(_ tensor: Tensor) throws -> [Float] {
    tensor.dtype == .bf16 ? try tensor.array(BFloat16.self).map(\.float) : try tensor.array(Float.self)
}

/// A tensor of uniform values in the dtype of a context, and the same values as doubles.
func input(_ name: String, _ shape: [Int], _ context: Context) throws -> (Tensor, [Double]) {
    let tensor = try context.converted(Tensor(uniform(name, shape), shape: shape), context.dtype)
    return (tensor, try floats(tensor).map { Double($0) })
}

/// Both dtypes with the error that layers may make in them.
let dtypes: [(DType, Double)] = [(.f32, 2e-6), (.bf16, 6e-3)]
