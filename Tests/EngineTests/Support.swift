import Checkpoints
import Engine
import EngineCPU
import Foundation
import Tensors
import TestSupport

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
    let scratch = try Scratch()
    let path = scratch.path + "/weights.safetensors"
    try SafeTensors.write(path, tensors, metadata: [:])
    try scope.load(Checkpoint.open(path))
    return values
}

/// The values of an f32 or bf16 tensor.
func floats(_ tensor: Tensor) throws -> [Float] {
    tensor.dtype == .bf16 ? try tensor.array(BFloat16.self).map(\.float) : try tensor.array(Float.self)
}

/// A tensor of uniform values in the dtype of an execution, and the same values as doubles.
func input(_ name: String, _ shape: [Int], _ execution: CPUExecution) throws -> (Tensor, [Double]) {
    let tensor = try execution.convert(Tensor(uniform(name, shape), shape: shape), execution.dtype)
    return (tensor, try floats(tensor).map { Double($0) })
}

/// Both dtypes with the error that layers may make in them.
let dtypes: [(DType, Double)] = [(.f32, 2e-6), (.bf16, 6e-3)]
