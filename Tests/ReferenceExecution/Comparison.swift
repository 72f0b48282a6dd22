import Engine
import EngineCPU
import Foundation
import TestSupport
import Recording
import Tensors

/// Something that every execution can compute.
public protocol Computation {
    /// The result for the inputs.
    func run<E: Execution>(_ inputs: [E.Value], on execution: E) throws -> E.Value
}

/// An input of a computation by its shape; its values are uniform in ±limit, from its name.
public struct Input {
    let name: String
    let shape: [Int]
    let limit: Float

    /// An input.
    public init(_ name: String, _ shape: [Int], limit: Float = 1) {
        self.name = name
        self.shape = shape
        self.limit = limit
    }

    func tensor() throws -> Tensor { try Tensor(uniform(name, shape, -limit, limit), shape: shape) }
}

/// Compares executions with the reference.
public struct Comparison {
    let scope: ParameterScope
    let inputs: [Input]
    let computation: any Computation

    /// A computation, its inputs, and the parameters of its layers, which are given values by their names.
    public init(
        _ computation: some Computation, _ inputs: [Input], _ scope: ParameterScope = ParameterScope()
    ) throws {
        self.computation = computation
        self.inputs = inputs
        self.scope = scope
        try loadParameters()
    }

    /// Plausible values by name and shape.
    static func values(_ parameter: Parameter) throws -> Tensor {
        let (name, shape) = (parameter.name, parameter.shape)
        if name.hasSuffix("running_var") { return try Tensor(uniform(name, shape, 0.5, 1.5), shape: shape) }
        if name.hasSuffix("lambda1") { return try Tensor(uniform(name, shape, 0.2, 0.9), shape: shape) }
        if shape.count <= 1 {
            let isWeight = name.hasSuffix("weight")
            return try Tensor(uniform(name, shape, isWeight ? 0.7 : -0.2, isWeight ? 1.3 : 0.2), shape: shape)
        }
        let bound = (3 / Float(shape.dropFirst().reduce(1, *))).squareRoot()
        return try Tensor(uniform(name, shape, -bound, bound), shape: shape)
    }

    /// |a - b| / |b| of an executor's result beside the reference's, which sees the inputs as the executor's dtype rounds them.
    public func error(of executor: some Executor) throws -> Double {
        let tensors = try inputs.map { try $0.tensor().to(executor.dtype) }
        try loadParameters()
        let wanted = try reference(tensors).values
        return try Self.distance(result(of: tensors, on: executor), wanted)
    }

    /// The same of every executor there is, in a dtype.
    public func errors(in dtype: DType) throws -> [(executor: String, error: Double)] {
        let tensors = try inputs.map { try $0.tensor().to(dtype) }
        try loadParameters()
        let wanted = try reference(tensors).values
        return try JudgedExecutor.all.map { judged in
            let found = try result(of: tensors, on: judged.make(dtype))
            return (judged.name, Self.distance(found, wanted))
        }
    }

    /// Gives the parameters their values: an executor takes those that lie in memory.
    private func loadParameters() throws {
        for parameter in scope.parameters { try parameter.load(Self.values(parameter)) }
    }

    private func result(of tensors: [Tensor], on executor: some Executor) throws -> [Double] {
        try loadParameters()
        func run<E: Execution>(_ computation: some Computation, _ execution: E) throws -> Tensor {
            let values = try tensors.map { try execution.value($0.clone()) }
            return try execution.tensor(computation.run(values, on: execution))
        }
        // Twice: the second pass runs on what the first one has made.
        var found: [Double] = []
        for _ in 0..<2 { found = try executor.run { try run(computation, $0).doubles() } }
        return found
    }

    /// The same for a recorder, whose gradients are compared along a direction of each input and each parameter. The largest
    /// error of all, with the name of what it is of.
    ///
    /// A parameter whose slopes are all 0 is an error: it reaches the result on a way that no gradient sees, and 0 would be compared
    /// with 0.
    /// - Parameters:
    ///   - every: compares each of so many parameters, the last among them.
    ///   - unreached: the beginnings of the names of parameters that the result does not depend on, or not by a gradient.
    public func recorderError(every: Int = 1, unreached: [String] = []) throws -> (error: Double, of: String) {
        let tensors = try inputs.map { try $0.tensor() }
        try loadParameters()
        let parameters = try ParameterSet(scope)
        let recorder = try Recorder(parameters, execution: CPUExecution(dtype: .f32, threads: 2), isTraining: false)
        let leaves = try tensors.map { try recorder.variable($0, requiresGradient: true) }
        let made = try recorded(leaves, recorder)
        let flat = try recorder.reshape(made, [made.count])
        let direction = uniform("direction", [made.count])
        let ofResult = Self.distance(try flat.tensor().doubles(), try reference(tensors).values)
        var found: [(name: String, difference: Double, size: Double)] = []
        parameters.zeroGradients()
        try recorder.backward(flat, gradient: Tensor(direction, shape: [made.count]))
        func compare(_ name: String, _ gradient: Tensor?, _ change: [Float], _ slopes: [Double]) throws {
            let products = zip(slopes, direction).map { $0 * Double($1) }
            let own = try gradient.map { zip(try $0.doubles(), change).reduce(0) { $0 + $1.0 * Double($1.1) } } ?? 0
            // Relative to what the slopes could sum up to: they may cancel.
            found.append((name, abs(own - products.reduce(0, +)), products.reduce(0) { $0 + abs($1) }))
        }
        for (index, input) in inputs.enumerated() {
            let change = uniform("change " + input.name, input.shape)
            let slopes = try reference(tensors, input: (index, change)).slopes
            try compare(input.name, leaves[index].gradient(), change, slopes)
        }
        for (index, parameter) in parameters.trained.reversed().enumerated() where index % every == 0 {
            let change = uniform("change " + parameter.name, parameter.shape)
            let slopes = try reference(
                tensors, ReferenceExecution(direction: [parameter.name: change.map { Double($0) }])
            ).slopes
            if slopes.allSatisfy({ $0 == 0 }), !unreached.contains(where: parameter.name.hasPrefix) {
                return (.infinity, "\(parameter.name): all its slopes are 0")
            }
            try compare(parameter.name, parameter.gradient(), change, slopes)
        }
        // Some gradients are 0, such as that of the keys' bias: what is left of them is rounding of the larger ones.
        let least = 1e-3 * (found.map(\.size).max() ?? 0)
        let errors = found.map { (error: $0.difference / max($0.size, least), of: "gradient of \($0.name)") }
        return errors.reduce((error: ofResult, of: "result")) { $1.error <= $0.error ? $0 : $1 }
    }

    private func reference(
        _ tensors: [Tensor], input: (index: Int, change: [Float])? = nil,
        _ execution: ReferenceExecution = ReferenceExecution()
    ) throws -> ReferenceValue {
        func run(_ computation: some Computation) throws -> ReferenceValue {
            let values = try tensors.enumerated().map { index, tensor in
                let slopes = input?.index == index ? input?.change : nil
                let numbers = try tensor.doubles().enumerated().map { place, number in
                    Dual(number, slopes.map { Double($0[place]) } ?? 0)
                }
                return ReferenceValue(numbers, tensor.shape)
            }
            return try computation.run(values, on: execution)
        }
        return try run(computation)
    }

    private func recorded(_ leaves: [Variable], _ recorder: Recorder) throws -> Variable {
        func run(_ computation: some Computation) throws -> Variable { try computation.run(leaves, on: recorder) }
        return try run(computation)
    }

    private static func distance(_ a: [Double], _ b: [Double]) -> Double {
        guard a.count == b.count else { return .infinity }
        var (difference, norm) = (0.0, 1e-300)
        for (x, y) in zip(a, b) {
            difference += (x - y) * (x - y)
            norm += y * y
        }
        return (difference / norm).squareRoot()
    }
}
