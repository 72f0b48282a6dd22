import COneDNN
import Engine
import EngineCPU
import NetKernels
import Tensors

extension Recorder {
    /// A convolution of images `[N, H, W, inputs]`, then the layer's batch normalisation, which takes a residual and ReLU
    /// along.
    /// - Throws: `TensorError.shape` for another input or residual.
    public func convolution(
        _ layer: Convolution2D, _ x: Variable, _ prologue: Prologue, _ epilogue: Epilogue<Variable>
    ) throws -> Variable {
        let input = try prepared(x, prologue)
        let product = try execution.run { try plainConvolution(layer, input) }
        guard let batchNorm = layer.batchNorm else { return try finish(product, epilogue) }
        return try norm(batchNorm, product, epilogue)
    }

    /// The images as a convolution reads them.
    private func prepared(_ x: Variable, _ prologue: Prologue) throws -> Variable {
        var value = try prologue.norm.map { try norm($0, x) } ?? x
        value = try activation(prologue.activation, value)
        guard let height = prologue.height, let width = prologue.width else { return value }
        return try upsample(value, height: height, width: width)
    }

    /// The convolution with its bias alone.
    private func plainConvolution(_ layer: Convolution2D, _ x: Variable) throws -> Variable {
        let name = layer.weight.name
        guard x.shape.count == 4, x.shape[3] == layer.inputs, x.shape[0] > 0,
            layer.outputSize(x.shape[1], x.shape[2]) != nil
        else {
            throw TensorError.shape(
                operation: name,
                message: "wanted images [N, H, W, \(layer.inputs)] of at least \(layer.kernel.height) × "
                    + "\(layer.kernel.width), got \(Tensor.text(x.shape))")
        }
        let primitives = try convolutionPrimitives(layer, x.shape)
        let input = primitives.layout == .blocked ? try blocked(x) : try plain(x)
        let isPlanar = primitives.layout == .planar
        let source = isPlanar ? try primitives.planes(input.stored, back: false, execution) : input.stored
        let weight = try parameters.trained(layer.weight)
        let bias = try layer.bias.map { try parameters.trained($0) }
        let shape = primitives.resultShape
        let isBlocked = primitives.layout != .plain
        let target = try execution.allocate(isBlocked ? Variable.blockedShape(shape) : shape, .f32)
        var arguments = [
            (DNNL_ARG_SRC, source.pointer), (DNNL_ARG_DST, target.pointer),
            (DNNL_ARG_WEIGHTS, try weight.address(primitives.forward.description(DNNL_ARG_WEIGHTS), execution)),
        ]
        if let bias { arguments.append((DNNL_ARG_BIAS, UnsafeMutableRawPointer(try bias.plainAddress(execution)))) }
        try execution.execute(primitives.forward, arguments)
        let output = result(target, shape, isBlocked ? .blocked : .plain, of: [input], parameters: [weight, bias])
        guard output.requiresGradient else { return output }
        let inputSlot = input.requiresGradient ? input.slot : nil
        // What the entry holds is what the gradient of the weights needs: the input, unless they are frozen.
        let kept = weight.isTrained ? source : nil
        record { [execution, slot = output.slot] in
            guard let gradient = try slot.take() else { return }
            if let kept {
                let backward = primitives.backwardWeights
                try weight.gather(try backward.description(DNNL_ARG_DIFF_WEIGHTS), execution) { address in
                    try execution.execute(
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
            let flowing = try execution.allocate(source.shape, .f32)
            try execution.execute(
                backward,
                [
                    (DNNL_ARG_DIFF_DST, gradient.pointer), (DNNL_ARG_DIFF_SRC, flowing.pointer),
                    (DNNL_ARG_WEIGHTS, try weight.address(backward.description(DNNL_ARG_WEIGHTS), execution)),
                ])
            try inputSlot.add(isPlanar ? primitives.planes(flowing, back: true, execution) : flowing)
        }
        return output
    }

    private func convolutionPrimitives(_ layer: Convolution2D, _ shape: [Int]) throws -> ConvolutionPrimitives {
        let key = ConvolutionPrimitives.Key(layer: ObjectIdentifier(layer), shape: shape, threads: execution.threads)
        let found = try parameters.cache.value(AnyHashable(key)) { try ConvolutionPrimitives(layer, shape) }
        guard let primitives = found as? ConvolutionPrimitives else {
            throw EngineError.library(operation: layer.weight.name, reason: "a primitive of another kind")
        }
        return primitives
    }
}
