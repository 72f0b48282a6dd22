import COneDNN
import Engine
import Tensors

extension CPUExecution {
    /// oneDNN's convolution with batch normalisation folded into the weights, and bias, activation and residual fused.
    ///
    /// A 3 × 3 convolution of f32 images whose result is asked for in f32, with a border of zeros and stride 1, as generators
    /// have them, runs in stripes of rows (see `StripedConvolution`): what comes before and after it is then done on the
    /// way, and no normalised or enlarged image is ever whole.
    public func convolution(
        _ layer: Convolution2D, _ x: Tensor, _ prologue: Prologue, _ epilogue: Epilogue<Tensor>
    ) throws -> Tensor {
        guard x.rank == 4, x.shape[3] == layer.inputs, x.shape[0] > 0 else {
            throw TensorError.shape(
                operation: layer.weight.name, message: "wanted [N, H, W, \(layer.inputs)], got \(Tensor.text(x.shape))")
        }
        let (rows, columns) = (prologue.height ?? x.shape[1], prologue.width ?? x.shape[2])
        guard let size = layer.outputSize(rows, columns) else {
            throw TensorError.shape(
                operation: layer.weight.name,
                message: "the images \(Tensor.text(x.shape)) are smaller than the kernel "
                    + Tensor.text(layer.weight.shape))
        }
        let shape = [x.shape[0], size.height, size.width, layer.outputs]
        if StripedConvolution.suits(layer, x, prologue, epilogue) {
            try epilogue.check(shape, layer.weight.name)
            return try StripedConvolution(layer).run(x, prologue, epilogue, self)
        }
        let input = try prepared(x, prologue)
        let plan = try ProductPlan(epilogue, shape: shape, layer.weight.name, self)
        if let own = try PanelConvolution(layer, activation: plan.activation, self) {
            return try own.run(input, size, plan, self)
        }
        let source = try convert(input, dtype)
        let key = ConvolutionShape(
            layer, source.shape, threads: threads, dtype: dtype, result: plan.dtype, activation: plan.activation,
            accumulates: plan.accumulates)
        let primitive = try prepared.primitives.value(.convolution(key)) { try key.primitive(size) }
        let scale = plan.foldedScale
        let weights = try prepared.weights(
            layer, scale: scale, in: primitive.description(DNNL_ARG_WEIGHTS), of: blocks.last
        ) { former in
            let wanted = try primitive.description(DNNL_ARG_WEIGHTS)
            if let former { return try PackedWeights(wanted, moving: former, self) }
            return try .convolution(layer, scale, wanted, runs: false, self)
        }
        let target = try plan.target(self)
        try execute(
            primitive,
            [
                (DNNL_ARG_SRC, source.pointer), (DNNL_ARG_WEIGHTS, weights.storage.bytes),
                (DNNL_ARG_BIAS, weights.bias.pointer), (DNNL_ARG_DST, target.pointer),
            ])
        return try plan.finish(target, self)
    }

    /// Pooling of a convolution's results; see `PanelConvolution`.
    public func pooled(
        _ pooling: Pooling, _ layer: Convolution2D, _ x: Tensor, _ activation: Activation
    ) throws -> Tensor {
        guard threads == 1, x.rank == 4, x.shape[3] == layer.inputs, x.shape[0] > 0,
            let size = layer.outputSize(x.shape[1], x.shape[2]),
            let own = try PanelConvolution(layer, activation: activation, self)
        else { return try pool(pooling, convolution(layer, x, Epilogue(activation: activation))) }
        return try own.run(x, size, activation, pooling, self)
    }

    /// The images as a convolution reads them, where it does not do so on the way.
    private func prepared(_ x: Tensor, _ prologue: Prologue) throws -> Tensor {
        var value = x
        if let layer = prologue.norm {
            value = try norm(layer, value, Epilogue(activation: prologue.activation, result: x.dtype))
        } else if prologue.activation != .none {
            value = try activation(prologue.activation, value)
        }
        guard let height = prologue.height, let width = prologue.width else { return value }
        return try upsample(value, height: height, width: width)
    }
}

/// What a convolution's operation depends on, beside its weights.
package struct ConvolutionShape: Hashable {
    var images, height, width, inputs, outputs, groups: Int
    var kernelHeight, kernelWidth, strideY, strideX, top, left, bottom, right: Int
    var threads: Int
    var dtype, result: DType
    var activation: Activation
    var accumulates: Bool

    init(
        _ layer: Convolution2D, _ source: [Int], threads: Int, dtype: DType, result: DType, activation: Activation,
        accumulates: Bool
    ) {
        (images, height, width, inputs) = (source[0], source[1], source[2], source[3])
        (outputs, groups) = (layer.outputs, layer.groups)
        (kernelHeight, kernelWidth) = layer.kernel
        (strideY, strideX) = layer.stride
        (top, left) = layer.padding
        (bottom, right) = layer.paddingAfter
        self.threads = threads
        (self.dtype, self.result, self.activation, self.accumulates) = (dtype, result, activation, accumulates)
    }

    private var name: String { "convolution \(inputs) to \(outputs), \(kernelHeight) × \(kernelWidth)" }

    /// The operation for results of a size.
    func primitive(_ size: (height: Int, width: Int)) throws -> Primitive {
        var source = try OneDNN.description([images, inputs, height, width], dtype, dnnl_nhwc, name)
        var weights = try OneDNN.description(
            OneDNN.weightSizes([outputs, inputs / groups, kernelHeight, kernelWidth], groups: groups), dtype,
            dnnl_format_tag_any, name)
        var biases = try OneDNN.description([outputs], .f32, dnnl_a, name)
        var target = try OneDNN.description([images, outputs, size.height, size.width], result, dnnl_nhwc, name)
        var description = dnnl_convolution_desc_t()
        try OneDNN.check(
            dnnl_convolution_forward_desc_init(
                &description, dnnl_forward_inference, dnnl_convolution_direct, &source, &weights, &biases, &target,
                [Int64(strideY), Int64(strideX)], [Int64(top), Int64(left)], [Int64(bottom), Int64(right)]), name)
        return try Primitive(
            name, &description, attributes: try Attributes(activation: activation, accumulate: accumulates),
            arguments: [
                (DNNL_ARG_SRC, dnnl_query_src_md), (DNNL_ARG_WEIGHTS, dnnl_query_weights_md),
                (DNNL_ARG_DST, dnnl_query_dst_md),
            ], bias: biases)
    }
}

extension PackedWeights {
    /// A convolution's weights and biases with batch normalisation and a scale for each output folded in. The parameters' memory is
    /// given back.
    /// - Parameter runs: whether the layout is of `[outputs, columns · inputs, rows, 1]`.
    static func convolution(
        _ layer: Convolution2D, _ scale: LayerScale?, _ wanted: dnnl_memory_desc_t, runs: Bool,
        _ execution: CPUExecution
    ) throws -> PackedWeights {
        let packed = try folded(layer, scale, wanted, runs: runs, execution)
        let used = [layer.weight, layer.bias, scale?.factors].compactMap { $0 }
        execution.prepared.took(used + (layer.batchNorm?.parameters ?? []), of: execution.blocks.last)
        return packed
    }

    private static func folded(
        _ layer: Convolution2D, _ scale: LayerScale?, _ wanted: dnnl_memory_desc_t, runs: Bool,
        _ execution: CPUExecution
    ) throws -> PackedWeights {
        let outputs = layer.outputs
        var biases = try layer.bias?.floats() ?? [Float](repeating: 0, count: outputs)
        if layer.batchNorm == nil && scale == nil && !runs {
            return try packed(wanted, from: layer.weight.source(), bias: biases, execution)
        }
        var values = try layer.weight.floats()
        let each = outputs > 0 ? values.count / outputs : 0
        if let (factors, shifts) = try layer.batchNorm?.folded() {
            for output in 0..<outputs {
                for index in output * each..<(output + 1) * each {
                    values[index] = Float(Double(values[index]) * factors[output])
                }
                biases[output] = Float(Double(biases[output]) * factors[output] + shifts[output])
            }
        }
        if let factors = try scale?.factors.floats() { scaleRows(&values, &biases, by: factors) }
        if runs {
            let (inputs, rows, columns) = (layer.inputs, layer.kernel.0, layer.kernel.1)
            // From [output, input, row, column] to [output, column, input, row].
            values = values.indices.map { index in
                let (row, place) = (index % rows, index / rows)
                let (input, column) = (place % inputs, place / inputs % columns)
                return values[((index / each * inputs + input) * rows + row) * columns + column]
            }
        }
        return try packed(wanted, from: values, bias: biases, execution)
    }
}
