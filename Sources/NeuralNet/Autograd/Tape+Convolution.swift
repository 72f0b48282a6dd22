import COneDNN
import NetKernels
import Tensors

extension Tape: Execution {
    /// A convolution of images `[N, H, W, inputs]`, then the layer's batch normalisation, residual and activation.
    /// - Throws: `TensorError.shape` for another input or residual.
    public func convolution(_ layer: Convolution2D, _ x: Variable, addingTo residual: Variable?) throws -> Variable {
        let product = try context.run { try plainConvolution(layer, x) }
        if let batchNorm = layer.batchNorm {
            let isFused = layer.activation == .relu
            let normed = try normalize(batchNorm, product, addingTo: residual, relu: isFused)
            return isFused ? normed : try activation(layer.activation, normed)
        }
        let sum = try residual.map { try add(product, $0) } ?? product
        return try activation(layer.activation, sum)
    }

    /// The convolution with its bias alone.
    private func plainConvolution(_ layer: Convolution2D, _ x: Variable) throws -> Variable {
        let name = layer.weight.name
        guard x.shape.count == 4, x.shape[3] == layer.weight.shape[1], x.shape[0] > 0,
            x.shape[1] + 2 * layer.padding.0 >= layer.weight.shape[2],
            x.shape[2] + 2 * layer.padding.1 >= layer.weight.shape[3]
        else {
            throw TensorError.shape(
                operation: name,
                message: "wanted images [N, H, W, \(layer.weight.shape[1])] of at least \(layer.weight.shape[2]) × "
                    + "\(layer.weight.shape[3]), got \(Tensor.text(x.shape))")
        }
        guard layer.padding == layer.paddingAfter else {
            throw TensorError.value(operation: name, message: "uneven borders cannot be trained through")
        }
        let primitives = try convolutionPrimitives(layer, x.shape)
        let input = primitives.layout == .blocked ? try blocked(x) : try plain(x)
        let isPlanar = primitives.layout == .planar
        let source = isPlanar ? try primitives.planes(input.stored, back: false, context) : input.stored
        let weight = try parameters.trained(layer.weight)
        let bias = try layer.bias.map { try parameters.trained($0) }
        let shape = primitives.resultShape
        let isBlocked = primitives.layout != .plain
        let target = try context.tensor(isBlocked ? Variable.blockedShape(shape) : shape, .f32)
        var arguments = [
            (DNNL_ARG_SRC, source.pointer), (DNNL_ARG_DST, target.pointer),
            (DNNL_ARG_WEIGHTS, try weight.address(primitives.forward.description(DNNL_ARG_WEIGHTS), context)),
        ]
        if let bias { arguments.append((DNNL_ARG_BIAS, UnsafeMutableRawPointer(try bias.plainAddress(context)))) }
        try context.execute(primitives.forward, arguments)
        let output = result(target, shape, isBlocked ? .blocked : .plain, of: [input], parameters: [weight, bias])
        guard output.requiresGradient else { return output }
        let inputSlot = input.requiresGradient ? input.slot : nil
        // What the entry holds is what the gradient of the weights needs: the input, unless they are frozen.
        let kept = weight.isTrained ? source : nil
        record { [context, slot = output.slot] in
            guard let gradient = try slot.take() else { return }
            if let kept {
                let backward = primitives.backwardWeights
                try weight.gather(try backward.description(DNNL_ARG_DIFF_WEIGHTS), context) { address in
                    try context.execute(
                        backward,
                        [
                            (DNNL_ARG_SRC, kept.pointer), (DNNL_ARG_DIFF_DST, gradient.pointer),
                            (DNNL_ARG_DIFF_WEIGHTS, address),
                        ])
                }
            }
            if let bias, bias.isTrained {
                let planes = NetPlanes(
                    images: shape[0], pixels: shape[1] * shape[2], channels: shape[3], isBlocked: isBlocked)
                NetPoolingGradient.addSums(Elementwise.floats(gradient), try bias.gradientToAddTo(), planes)
            }
            guard let inputSlot else { return }
            let backward = try primitives.dataGradient()
            let flowing = try context.tensor(source.shape, .f32)
            try context.execute(
                backward,
                [
                    (DNNL_ARG_DIFF_DST, gradient.pointer), (DNNL_ARG_DIFF_SRC, flowing.pointer),
                    (DNNL_ARG_WEIGHTS, try weight.address(backward.description(DNNL_ARG_WEIGHTS), context)),
                ])
            try inputSlot.add(isPlanar ? primitives.planes(flowing, back: true, context) : flowing)
        }
        return output
    }

    private func convolutionPrimitives(_ layer: Convolution2D, _ shape: [Int]) throws -> ConvolutionPrimitives {
        let key = ConvolutionPrimitives.Key(layer: ObjectIdentifier(layer), shape: shape, threads: context.threads)
        let found = try parameters.cache.value(AnyHashable(key)) { try ConvolutionPrimitives(layer, shape) }
        guard let primitives = found as? ConvolutionPrimitives else {
            throw NeuralNetError.library(operation: layer.weight.name, reason: "a primitive of another kind")
        }
        return primitives
    }
}
