import Engine
import EngineCPU
import NetKernels
import Tensors

extension Recorder: Execution {
    /// A recorded pass is f32.
    public var dtype: DType { .f32 }

    /// A leaf without a gradient; floats become f32.
    public func value(_ tensor: Tensor) throws -> Variable {
        try leaf(tensor.dtype == .u8 ? tensor.contiguous() : tensor.to(.f32).contiguous())
    }

    /// A copy of the value.
    public func tensor(_ value: Variable) throws -> Tensor { try value.tensor() }

    /// The parameter's value; its gradient gathers with those of the layers.
    public func parameter(_ parameter: Parameter) throws -> Variable {
        let trained = try parameters.trained(parameter)
        let values = try execution.allocate(parameter.shape, .f32)
        Elementwise.floats(values).update(from: try trained.plainAddress(execution), count: values.count)
        let output = result(values, parameter.shape, of: [], parameters: [trained])
        guard output.requiresGradient else { return output }
        record { [slot = output.slot] in
            guard let gradient = try slot.take() else { return }
            NetElementwise.add(
                try trained.gradientToAddTo(), Elementwise.floats(gradient), count: gradient.count)
        }
        return output
    }

    /// A table as a leaf.
    public func table(_ owner: AnyObject, _ key: [Int], _ make: () throws -> Tensor) throws -> Variable {
        try leaf(execution.table(owner, key, make))
    }

    func leaf(_ tensor: Tensor) -> Variable { Variable(tensor, shape: tensor.shape, requiresGradient: false) }

    /// A recorded pass keeps nothing of earlier ones.
    public func cache() throws -> NoCache {
        throw EngineError.unsupported(operation: "cache", message: "a recorded pass has none: give all tokens at once")
    }

    /// The value itself: a recorded pass is f32.
    public func convert(_ x: Variable, _ dtype: DType) throws -> Variable { x }

    /// All at once.
    public func each(
        _ inputs: [Variable], by unit: WorkUnit, _ body: ([Variable]) throws -> Variable
    ) throws -> Variable {
        try body(inputs)
    }
}

/// The cache of an execution that has none.
public final class NoCache: AttentionCache {
    /// None.
    public let length = 0
    private init() {}
}
