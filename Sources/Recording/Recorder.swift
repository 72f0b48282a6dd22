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
    /// Whether of a block of a network only what it reads is kept, and the block runs again on the way back (Chen et al., 2016): the same
    /// bits with a fraction of the memory.
    public let isCheckpointing: Bool
    /// What the masks of dropout follow from, beside the layer; nil drops nothing.
    let dropoutSeed: UInt64?
    private var entries: [() throws -> Void] = []
    private var isRecording: Bool

    /// A recorder for one step.
    /// - Parameters:
    ///   - isCheckpointing: whether blocks run again on the way back; not for networks with batch normalisation, whose statistics
    ///     would be taken twice.
    ///   - dropoutSeed: the seed of this step's masks; nil drops nothing.
    ///   - isRecording: whether there is a way back; false keeps nothing.
    /// - Throws: `TensorError.dtype` where the execution is not f32.
    public init(
        _ parameters: ParameterSet, execution: CPUExecution, isTraining: Bool = true, isCheckpointing: Bool = false,
        dropoutSeed: UInt64? = nil, isRecording: Bool = true
    ) throws {
        guard execution.dtype == .f32 else {
            throw TensorError.dtype(operation: "recorder", message: "wanted an f32 execution, got \(execution.dtype)")
        }
        self.parameters = parameters
        self.execution = execution
        self.isTraining = isTraining
        self.isCheckpointing = isCheckpointing
        self.dropoutSeed = dropoutSeed
        self.isRecording = isRecording
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

    /// Forgets the record. What it holds may hold the recorder: a pass that ended without its way back must call this.
    public func discard() { entries = [] }

    /// Adds an entry, to be played on the way back.
    func record(_ entry: @escaping () throws -> Void) {
        if isRecording { entries.append(entry) }
    }

    /// Runs a block of a network; where blocks are checkpoints, without a record, and again with one on the way back.
    public func block(
        _ owner: AnyObject, of x: Variable, _ body: @escaping (Variable) throws -> Variable
    ) throws -> Variable {
        try Cancellation.check()
        guard isCheckpointing, isRecording else { return try body(x) }
        isRecording = false
        defer { isRecording = true }
        let made = try body(x)
        guard made.requiresGradient else { return made }
        let output = Variable(made.stored, shape: made.shape, layout: made.layout, requiresGradient: true)
        isRecording = true
        record { [unowned self, slot = output.slot] in
            guard let gradient = try slot.take() else { return }
            let input = Variable(x.stored, shape: x.shape, layout: x.layout, requiresGradient: x.requiresGradient)
            if x.requiresGradient {
                // Played behind all of the block's own entries.
                record {
                    if let flowing = try input.slot.take() { try x.slot.add(flowing) }
                }
            }
            try body(input).slot.add(gradient)
        }
        return output
    }

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
