import NetKernels
import Tensors

extension Tape {
    /// Layer normalisation over the last dimension.
    public func layerNorm(_ layer: LayerNorm, _ x: Variable) throws -> Variable {
        let channels = layer.weight.shape[0]
        guard x.shape.last == channels, channels > 0 else {
            throw TensorError.shape(
                operation: layer.weight.name, message: "wanted […, \(channels)], got \(Tensor.text(x.shape))")
        }
        return try grouped(
            x, layer.weight, layer.bias,
            NetNormalizationGradient.Shape(images: x.count / channels, pixels: 1, channels: channels, groups: 1),
            layer.epsilon)
    }

    /// Group normalisation of `[N, …, channels]`, with the layer's activation.
    public func groupNorm(_ layer: GroupNorm, _ x: Variable) throws -> Variable {
        let channels = layer.weight.shape[0]
        guard x.shape.count >= 2, x.shape.last == channels, x.count > 0 else {
            throw TensorError.shape(
                operation: layer.weight.name, message: "wanted [N, …, \(channels)], got \(Tensor.text(x.shape))")
        }
        let shape = NetNormalizationGradient.Shape(
            images: x.shape[0], pixels: x.count / channels / x.shape[0], channels: channels, groups: layer.groups)
        return try activation(layer.activation, try grouped(x, layer.weight, layer.bias, shape, layer.epsilon))
    }

    private func grouped(
        _ x: Variable, _ weight: Parameter, _ bias: Parameter, _ shape: NetNormalizationGradient.Shape,
        _ epsilon: Double
    ) throws -> Variable {
        let input = try plain(x)
        let (weight, bias) = (try parameters.trained(weight), try parameters.trained(bias))
        let units = shape.images * shape.groups
        let statistics = try context.tensor([2, units], .f32)
        let mean = Elementwise.floats(statistics)
        let target = try context.tensor(x.shape, .f32)
        let factors = try weight.plainAddress(context)
        NetNormalizationGradient.forward(
            Elementwise.floats(input.stored), Elementwise.floats(target), shape, weight: factors,
            bias: try bias.plainAddress(context), mean: mean, inverseDeviation: mean + units, epsilon: epsilon)
        let output = result(target, x.shape, of: [input], parameters: [weight, bias])
        guard output.requiresGradient else { return output }
        let inputSlot = input.requiresGradient ? input.slot : nil
        let source = input.stored
        let unused = try Tensor(uninitialized: [2, shape.channels])
        record { [slot = output.slot] in
            guard let gradient = try slot.take() else { return }
            let values = Elementwise.floats(source)
            let mean = Elementwise.floats(statistics)
            if weight.isTrained || bias.isTrained {
                NetNormalizationGradient.parameters(
                    values, Elementwise.floats(gradient), shape, mean: mean, inverseDeviation: mean + units,
                    weight: weight.isTrained ? try weight.gradientToAddTo() : Elementwise.floats(unused),
                    bias: bias.isTrained ? try bias.gradientToAddTo() : Elementwise.floats(unused) + shape.channels)
            }
            guard let inputSlot else { return }
            NetNormalizationGradient.input(
                values, Elementwise.floats(gradient), Elementwise.floats(gradient), shape, weight: factors, mean: mean,
                inverseDeviation: mean + units)
            try inputSlot.add(gradient)
        }
        return output
    }
}
