import Engine
import EngineCPU
import NetKernels
import Tensors

extension Recorder {
    /// PyTorch's default share of a batch's statistics in the running ones.
    static let momentum = 0.1

    /// Batch normalisation `[N, H, W, C]`; a residual and ReLU go along.
    public func norm(_ layer: BatchNorm2D, _ x: Variable, _ epilogue: Epilogue<Variable>) throws -> Variable {
        if case nil = epilogue.scale, epilogue.summand == nil, [.none, .relu].contains(epilogue.activation) {
            return try normalize(
                layer, x, addingTo: epilogue.residual?.value, relu: epilogue.activation == .relu)
        }
        return try finish(normalize(layer, x, addingTo: nil, relu: false), epilogue)
    }

    /// Batch normalisation over all but the last dimension, a residual, ReLU: in one pass over memory and back in one.
    ///
    /// In training the batch's mean and variance are used, and the running statistics move towards them by a tenth, the
    /// variance with the divisor n - 1, as PyTorch's do. Else the running statistics are used.
    /// - Throws: `TensorError.value` in training with a single value a channel, as PyTorch raises.
    private func normalize(
        _ layer: BatchNorm2D, _ given: Variable, addingTo other: Variable?, relu: Bool
    ) throws -> Variable {
        let name = layer.weight.name
        let channels = layer.weight.shape[0]
        guard let last = given.shape.last, last == channels, given.count > 0 else {
            throw TensorError.shape(
                operation: name, message: "wanted […, \(channels)], got \(Tensor.text(given.shape))")
        }
        if let other, other.shape != given.shape {
            throw TensorError.shape(
                operation: name,
                message: "wanted a residual \(Tensor.text(given.shape)), got \(Tensor.text(other.shape))")
        }
        let values = given.count / channels
        guard values > 1 || !isTraining else {
            throw TensorError.value(
                operation: name,
                message: "training needs more than one value per channel, got \(Tensor.text(given.shape)): use larger "
                    + "images or a larger batch")
        }
        let residual = try other.map { given.layout == .blocked ? try blocked($0) : try plain($0) }
        let (weight, bias) = (try parameters.trained(layer.weight), try parameters.trained(layer.bias))
        let statistics = try BatchStatistics(layer, parameters, weight, bias, execution)
        let planes =
            given.layout == .blocked
            ? NetPlanes(
                images: given.shape[0], pixels: given.shape[1] * given.shape[2], channels: channels, isBlocked: true)
            : NetPlanes(images: 1, pixels: values, channels: channels, isBlocked: false)
        let target = try execution.allocate(given.stored.shape, .f32)
        NetBatchNorm.forward(
            Elementwise.floats(given.stored), residual: residual.map { UnsafePointer(Elementwise.floats($0.stored)) },
            Elementwise.floats(target), planes, statistics.channels(ofBatch: isTraining), epsilon: layer.epsilon,
            relu: relu)
        if isTraining { try statistics.updateRunning(values) }
        let inputs = [given] + (residual.map { [$0] } ?? [])
        let output = result(target, given.shape, given.layout, of: inputs, parameters: [weight, bias])
        guard output.requiresGradient else { return output }
        let throughStatistics = isTraining
        let x = given.stored
        // The signs that ReLU left follow from the input, unless a residual came in between.
        let signs = relu && residual != nil ? target : nil
        let inputSlot = given.requiresGradient ? given.slot : nil
        let residualSlot = (residual?.requiresGradient ?? false) ? residual?.slot : nil
        record { [execution, slot = output.slot] in
            guard let (first, second) = slot.takePair() else { return }
            let flowing = residualSlot == nil ? first : try execution.allocate(first.shape, .f32)
            let unused = try execution.allocate([2 * channels], .f32)
            NetBatchNorm.backward(
                Elementwise.floats(x), planes, statistics.channels(ofBatch: false),
                NetBatchNorm.Gradients(
                    result: Elementwise.floats(first),
                    secondResult: second.map { UnsafePointer(Elementwise.floats($0)) },
                    output: signs.map { UnsafePointer(Elementwise.floats($0)) }, relu: relu,
                    keepsMasked: residualSlot != nil, input: Elementwise.floats(flowing),
                    weight: weight.isTrained ? try weight.gradientToAddTo() : Elementwise.floats(unused),
                    bias: bias.isTrained ? try bias.gradientToAddTo() : Elementwise.floats(unused) + channels,
                    throughStatistics: throughStatistics))
            try residualSlot?.add(first)
            try inputSlot?.add(flowing)
            withExtendedLifetime((second, signs, statistics)) {}
        }
        return output
    }
}

/// The statistics that one pass through a batch normalisation used, and the running ones.
private final class BatchStatistics {
    private let weight: UnsafeMutablePointer<Float>
    private let bias: UnsafeMutablePointer<Float>
    /// Mean, inverse deviation and variance.
    private let values: Tensor
    private let count: Int
    private let runningMean: TrainedParameter
    private let runningVariance: TrainedParameter

    init(
        _ layer: BatchNorm2D, _ parameters: ParameterSet, _ weight: TrainedParameter, _ bias: TrainedParameter,
        _ execution: CPUExecution
    ) throws {
        self.weight = try weight.plainAddress(execution)
        self.bias = try bias.plainAddress(execution)
        count = layer.weight.shape[0]
        values = try execution.allocate([3, count], .f32)
        runningMean = try parameters.trained(layer.runningMean)
        runningVariance = try parameters.trained(layer.runningVariance)
        let (mean, variance) = (Elementwise.floats(runningMean.elements), Elementwise.floats(runningVariance.elements))
        let base = Elementwise.floats(values)
        for channel in 0..<count {
            base[channel] = mean[channel]
            base[count + channel] = Float(1 / (Double(variance[channel]) + layer.epsilon).squareRoot())
        }
    }

    func channels(ofBatch: Bool) -> NetBatchNorm.Channels {
        let base = Elementwise.floats(values)
        return NetBatchNorm.Channels(
            weight: weight, bias: bias, mean: base, inverseDeviation: base + count,
            variance: ofBatch ? base + 2 * count : nil)
    }

    func updateRunning(_ samples: Int) throws {
        let base = Elementwise.floats(values)
        let (mean, variance) = (Elementwise.floats(runningMean.elements), Elementwise.floats(runningVariance.elements))
        let share = Float(Recorder.momentum)
        let correction = Float(Double(samples) / Double(samples - 1))
        for channel in 0..<count {
            mean[channel] = base[channel] * share + mean[channel] * (1 - share)
            variance[channel] = base[2 * count + channel] * correction * share + variance[channel] * (1 - share)
        }
        runningMean.markChanged()
        runningVariance.markChanged()
    }
}
