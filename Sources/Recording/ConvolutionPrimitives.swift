import COneDNN
import Engine
import EngineCPU
import Tensors

/// The operations of one convolution on one size of input, forward and back.
final class ConvolutionPrimitives {
    /// How the input and the result lie in memory.
    enum Layout: Hashable {
        /// Both channels-last.
        case plain
        /// Both in blocks of sixteen channels.
        case blocked
        /// A few input channels, one plane after the other; the result in blocks.
        case planar
    }

    struct Key: Hashable {
        var layer: ObjectIdentifier
        var shape: [Int]
        var threads: Int
    }

    let layout: Layout
    let resultShape: [Int]
    let forward: Primitive
    let backwardWeights: Primitive
    /// Made at the first use: the first layer of a network needs none.
    private var backwardData: Primitive?
    /// From channels-last to planes and back.
    private var toPlanes: Primitive?
    private var fromPlanes: Primitive?
    private let layer: Convolution2D
    private let shape: [Int]

    init(_ layer: Convolution2D, _ shape: [Int]) throws {
        let (outputs, inputs) = (layer.outputs, layer.inputs)
        self.layer = layer
        self.shape = shape
        if layer.groups > 1 {
            layout = .plain
        } else if outputs % 16 == 0 && inputs % 16 == 0 {
            layout = .blocked
        } else {
            layout = outputs % 16 == 0 && inputs <= 3 ? .planar : .plain
        }
        guard let (height, width) = layer.outputSize(shape[1], shape[2]) else {
            throw TensorError.shape(operation: layer.weight.name, message: "\(Tensor.text(shape)) is too small")
        }
        resultShape = [shape[0], height, width, outputs]
        let name = layer.weight.name
        var (source, weights, target) = try Self.descriptions(layer, shape, resultShape, layout)
        var bias = try OneDNN.description([outputs], .f32, dnnl_a, name)
        let (strides, pads, padsAfter) = Self.windows(layer)
        let hasBias = layer.bias != nil
        forward = try Self.fastest(layer, shape, layout) { algorithm in
            try withUnsafeMutablePointer(to: &bias) { bias in
                var description = dnnl_convolution_desc_t()
                try OneDNN.check(
                    dnnl_convolution_forward_desc_init(
                        &description, dnnl_forward_training, algorithm, &source, &weights, hasBias ? bias : nil,
                        &target, strides, pads, padsAfter), name)
                return try Primitive(
                    name, &description, attributes: try Attributes(),
                    arguments: [
                        (DNNL_ARG_SRC, dnnl_query_src_md), (DNNL_ARG_WEIGHTS, dnnl_query_weights_md),
                        (DNNL_ARG_DST, dnnl_query_dst_md),
                    ], bias: hasBias ? bias.pointee : nil)
            }
        }
        backwardWeights = try Self.fastest(layer, shape, layout) { algorithm in
            var description = dnnl_convolution_desc_t()
            try OneDNN.check(
                dnnl_convolution_backward_weights_desc_init(
                    &description, algorithm, &source, &weights, nil, &target, strides, pads, padsAfter), name)
            return try Primitive(
                name, &description, attributes: try Attributes(),
                arguments: [
                    (DNNL_ARG_SRC, dnnl_query_src_md), (DNNL_ARG_DIFF_WEIGHTS, dnnl_query_diff_weights_md),
                    (DNNL_ARG_DIFF_DST, dnnl_query_diff_dst_md),
                ])
        }
    }

    /// The operation by Winograd's algorithm where the convolution and the processor allow it, else directly: for 3 × 3
    /// windows it does with less than half the multiplications, but needs some tiles of 4 × 4 pixels to fill its products.
    private static func fastest(
        _ layer: Convolution2D, _ shape: [Int], _ layout: Layout, _ make: (dnnl_alg_kind_t) throws -> Primitive
    ) throws -> Primitive {
        let tiles = shape[0] * ((shape[1] + 3) / 4) * ((shape[2] + 3) / 4)
        let isEligible =
            layout == .blocked && tiles >= 32 && layer.weight.shape.suffix(2) == [3, 3] && layer.stride == (1, 1)
            && layer.padding == (1, 1) && layer.paddingAfter == (1, 1)
        if isEligible, let fast = try? make(dnnl_convolution_winograd) { return fast }
        return try make(dnnl_convolution_direct)
    }

    private static func windows(_ layer: Convolution2D) -> ([Int64], [Int64], [Int64]) {
        (
            [Int64(layer.stride.height), Int64(layer.stride.width)],
            [Int64(layer.padding.height), Int64(layer.padding.width)],
            [Int64(layer.paddingAfter.height), Int64(layer.paddingAfter.width)]
        )
    }

    /// The gradient of the input.
    func dataGradient() throws -> Primitive {
        if let backwardData { return backwardData }
        let name = layer.weight.name
        var (source, weights, target) = try Self.descriptions(layer, shape, resultShape, layout)
        let (strides, pads, padsAfter) = Self.windows(layer)
        let made = try Self.fastest(layer, shape, layout) { algorithm in
            var description = dnnl_convolution_desc_t()
            try OneDNN.check(
                dnnl_convolution_backward_data_desc_init(
                    &description, algorithm, &source, &weights, &target, strides, pads, padsAfter), name)
            return try Primitive(
                name, &description, attributes: try Attributes(),
                arguments: [
                    (DNNL_ARG_DIFF_SRC, dnnl_query_diff_src_md), (DNNL_ARG_WEIGHTS, dnnl_query_weights_md),
                    (DNNL_ARG_DIFF_DST, dnnl_query_diff_dst_md),
                ])
        }
        backwardData = made
        return made
    }

    /// Channels-last images as planes of channels, or the other way round.
    func planes(_ x: Tensor, back: Bool, _ execution: CPUExecution) throws -> Tensor {
        let name = layer.weight.name
        let sizes = [shape[0], shape[3], shape[1], shape[2]]
        let last = try OneDNN.description(sizes, .f32, dnnl_nhwc, name)
        let first = try OneDNN.description(sizes, .f32, dnnl_nchw, name)
        let primitive: Primitive
        if back {
            primitive = try fromPlanes ?? Primitive(name, reorder: first, to: last)
            fromPlanes = primitive
        } else {
            primitive = try toPlanes ?? Primitive(name, reorder: last, to: first)
            toPlanes = primitive
        }
        let result = try execution.allocate(back ? shape : sizes, .f32)
        try execution.execute(primitive, [(DNNL_ARG_SRC, x.pointer), (DNNL_ARG_DST, result.pointer)])
        return result
    }

    private static func descriptions(
        _ layer: Convolution2D, _ shape: [Int], _ result: [Int], _ layout: Layout
    ) throws -> (dnnl_memory_desc_t, dnnl_memory_desc_t, dnnl_memory_desc_t) {
        let name = layer.weight.name
        let tags: (dnnl_format_tag_t, dnnl_format_tag_t)
        switch layout {
        case .plain: tags = (dnnl_nhwc, dnnl_nhwc)
        case .blocked: tags = (dnnl_nChw16c, dnnl_nChw16c)
        case .planar: tags = (dnnl_nchw, dnnl_nChw16c)
        }
        return (
            try OneDNN.description([shape[0], shape[3], shape[1], shape[2]], .f32, tags.0, name),
            try OneDNN.description(
                OneDNN.weightSizes(layer.weight.shape, groups: layer.groups), .f32, dnnl_format_tag_any, name),
            try OneDNN.description([result[0], result[3], result[1], result[2]], .f32, tags.1, name)
        )
    }
}
