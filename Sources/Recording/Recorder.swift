import Engine
import EngineCPU
import Tensors

/// Records what layers do to variables, and goes back over it for the gradients (reverse mode).
///
/// A recorder serves one step: the network that inference runs fused runs recorded on it, on the processor and in f32, and
/// `backward` plays the record from its end. Each entry is let go as soon as it was played, and with it the activations that only it
/// still needed; their memory returns to the execution for the next one.
public final class Recorder {
    /// Where the layers run; f32.
    public let execution: CPUExecution
    /// The values of the layers' parameters.
    public let parameters: ParameterSet
    /// Whether batch normalisation takes the batch's statistics and updates the running ones.
    public let isTraining: Bool
    private var entries: [() throws -> Void] = []

    /// A recorder for one step.
    /// - Throws: `TensorError.dtype` where the execution is not f32.
    public init(_ parameters: ParameterSet, execution: CPUExecution, isTraining: Bool = true) throws {
        guard execution.dtype == .f32 else {
            throw TensorError.dtype(operation: "recorder", message: "wanted an f32 execution, got \(execution.dtype)")
        }
        self.parameters = parameters
        self.execution = execution
        self.isTraining = isTraining
    }

    /// A leaf: an input of the computation, f32.
    /// - Parameter requiresGradient: whether its gradient shall gather.
    public func variable(_ tensor: Tensor, requiresGradient: Bool = false) throws -> Variable {
        guard tensor.dtype == .f32 else {
            throw TensorError.dtype(operation: "variable", message: "wanted f32, got \(tensor.dtype)")
        }
        return Variable(try tensor.contiguous(), shape: tensor.shape, requiresGradient: requiresGradient)
    }

    /// The gradients of `loss`, a single value: those of parameters gather in `parameters`, those of leaves in the
    /// leaves. The record is empty afterwards.
    /// - Throws: `TensorError.shape` for a loss of several values, `TensorError.stopped` where a stop was requested.
    public func backward(_ loss: Variable) throws {
        guard loss.count == 1 else {
            throw TensorError.shape(
                operation: "backward", message: "wanted a loss of one value, got \(Tensor.text(loss.shape))")
        }
        try backward(loss, gradient: try Tensor.ones(loss.stored.shape))
    }

    /// The gradients of Σ result · gradient, for a `gradient` of the result's shape.
    /// - Throws: `TensorError.shape` for another shape.
    public func backward(_ result: Variable, gradient: Tensor) throws {
        guard result.layout == .plain, gradient.shape == result.shape, gradient.dtype == .f32 else {
            throw TensorError.shape(
                operation: "backward",
                message: "wanted an f32 gradient \(Tensor.text(result.shape)) of a plain value, got \(gradient.dtype) "
                    + Tensor.text(gradient.shape))
        }
        if result.requiresGradient { try result.slot.add(gradient.clone()) }
        try execution.run {
            while let entry = entries.popLast() {
                try Cancellation.check()
                try entry()
            }
        }
    }

    /// Adds an entry, to be played on the way back.
    func record(_ entry: @escaping () throws -> Void) { entries.append(entry) }

    /// A result of an operation on `inputs`.
    func result(
        _ stored: Tensor, _ shape: [Int], _ layout: VariableLayout = .plain, of inputs: [Variable],
        parameters used: [TrainedParameter?] = []
    ) -> Variable {
        Variable(
            stored, shape: shape, layout: layout,
            requiresGradient: inputs.contains { $0.requiresGradient } || used.contains { $0?.isTrained ?? false })
    }
}
