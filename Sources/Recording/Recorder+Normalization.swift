import Engine
import EngineCPU
import NetKernels
import Tensors

extension Recorder {
    /// Layer normalisation over the last dimension.
    public func norm(_ layer: LayerNorm, _ x: Variable, _ epilogue: Epilogue<Variable>) throws -> Variable {
        let channels = layer.channels
        guard x.shape.last == channels, channels > 0 else {
            throw TensorError.shape(
                operation: layer.weight?.name ?? "layer norm",
                message: "wanted […, \(channels)], got \(Tensor.text(x.shape))")
        }
        let normed = try grouped(
            x, layer.weight, layer.bias,
            NetNormalizationGradient.Shape(images: x.count / channels, pixels: 1, channels: channels, groups: 1),
            layer.epsilon)
        return try finish(normed, epilogue)
    }

    /// Group normalisation of `[N, …, channels]`.
    public func norm(_ layer: GroupNorm, _ x: Variable, _ epilogue: Epilogue<Variable>) throws -> Variable {
        let channels = layer.channels
        guard x.shape.count >= 2, x.shape.last == channels, x.count > 0 else {
            throw TensorError.shape(
                operation: layer.weight.name, message: "wanted [N, …, \(channels)], got \(Tensor.text(x.shape))")
        }
        let shape = NetNormalizationGradient.Shape(
            images: x.shape[0], pixels: x.count / channels / x.shape[0], channels: channels, groups: layer.groups)
        return try finish(grouped(x, layer.weight, layer.bias, shape, layer.epsilon), epilogue)
    }

    /// Root-mean-square normalisation of `[…, n · channels]`.
    public func norm(_ layer: RMSNorm, _ x: Variable, _ epilogue: Epilogue<Variable>) throws -> Variable {
        let channels = layer.channels
        guard channels > 0, let last = x.shape.last, last % channels == 0, x.count > 0 else {
            throw TensorError.shape(
                operation: layer.weight.name, message: "wanted […, \(channels) · n], got \(Tensor.text(x.shape))")
        }
        let input = try plain(x)
        let weight = try parameters.trained(layer.weight)
        let own = try weight.plainAddress(execution)
        let factors = try execution.allocate([channels], .f32)
        for channel in 0..<channels {
            Elementwise.floats(factors)[channel] = layer.addsOne ? 1 + own[channel] : own[channel]
        }
        let bias = try layer.bias.map { try parameters.trained($0) }
        let target = try execution.allocate(x.shape, .f32)
        let rows = x.count / channels
        NetNormalization.rmsNorm(
            input.stored.pointer, .f32, target.pointer, .f32, rows: rows, channels: channels,
            weight: Elementwise.floats(factors), bias: try bias.map { UnsafePointer(try $0.plainAddress(execution)) },
            epsilon: Float(layer.epsilon))
        let output = result(target, x.shape, of: [input], parameters: [weight, bias])
        if output.requiresGradient {
            let inputSlot = input.requiresGradient ? input.slot : nil
            record { [execution, slot = output.slot, source = input.stored] in
                guard let gradient = try slot.take() else { return }
                let unused = try execution.allocate([channels], .f32)
                if let bias, bias.isTrained {
                    NetElementwise.addColumnSums(
                        Elementwise.floats(gradient), try bias.gradientToAddTo(), rows: rows, columns: channels)
                }
                NetNormalizationGradient.rms(
                    Elementwise.floats(source), Elementwise.floats(gradient), Elementwise.floats(gradient),
                    rows: rows, channels: channels, factors: Elementwise.floats(factors),
                    weight: weight.isTrained ? try weight.gradientToAddTo() : Elementwise.floats(unused),
                    epsilon: layer.epsilon)
                try inputSlot?.add(gradient)
            }
        }
        return try finish(output, epilogue)
    }

    private func grouped(
        _ x: Variable, _ weight: Parameter?, _ bias: Parameter?, _ shape: NetNormalizationGradient.Shape,
        _ epsilon: Double
    ) throws -> Variable {
        let input = try plain(x)
        let (weight, bias) = (try weight.map(parameters.trained), try bias.map(parameters.trained))
        let units = shape.images * shape.groups
        let statistics = try execution.allocate([2, units], .f32)
        let mean = Elementwise.floats(statistics)
        let target = try execution.allocate(x.shape, .f32)
        // A layer without parameters normalises with ones and zeros.
        let neutral = try execution.allocate([2, shape.channels], .f32)
        let ones = Elementwise.floats(neutral)
        ones.update(repeating: 1, count: shape.channels)
        (ones + shape.channels).update(repeating: 0, count: shape.channels)
        let factors = try weight?.plainAddress(execution) ?? ones
        NetNormalizationGradient.forward(
            Elementwise.floats(input.stored), Elementwise.floats(target), shape, weight: factors,
            bias: try bias?.plainAddress(execution) ?? ones + shape.channels, mean: mean,
            inverseDeviation: mean + units, epsilon: epsilon)
        let output = result(target, x.shape, of: [input], parameters: [weight, bias])
        guard output.requiresGradient else { return output }
        let inputSlot = input.requiresGradient ? input.slot : nil
        let source = input.stored
        let unused = try Tensor(uninitialized: [2, shape.channels])
        record { [slot = output.slot] in
            guard let gradient = try slot.take() else { return }
            let values = Elementwise.floats(source)
            let mean = Elementwise.floats(statistics)
            let changed = [weight, bias].map { $0?.isTrained == true ? $0 : nil }
            if changed.contains(where: { $0 != nil }) {
                NetNormalizationGradient.parameters(
                    values, Elementwise.floats(gradient), shape, mean: mean, inverseDeviation: mean + units,
                    weight: try changed[0]?.gradientToAddTo() ?? Elementwise.floats(unused),
                    bias: try changed[1]?.gradientToAddTo() ?? Elementwise.floats(unused) + shape.channels)
            }
            guard let inputSlot else { return }
            NetNormalizationGradient.input(
                values, Elementwise.floats(gradient), Elementwise.floats(gradient), shape, weight: factors, mean: mean,
                inverseDeviation: mean + units)
            withExtendedLifetime(neutral) {}
            try inputSlot.add(gradient)
        }
        return output
    }
}
