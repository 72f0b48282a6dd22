import Engine
import NetKernels
import Tensors

extension DType {
    /// The kernels' name for this dtype.
    package func netType(_ operation: String) throws -> NetType {
        switch self {
        case .f32: return .f32
        case .bf16: return .bf16
        default: throw TensorError.dtype(operation: operation, message: "wanted f32 or bf16, got \(self)")
        }
    }
}

extension CPUExecution {
    /// Layer normalisation; statistics in f32.
    public func norm(_ layer: LayerNorm, _ x: Tensor, _ epilogue: Epilogue<Tensor>) throws -> Tensor {
        let channels = layer.channels
        guard x.shape.last == channels else {
            throw TensorError.shape(
                operation: layer.weight?.name ?? "layer norm",
                message: "wanted […, \(channels)], got \(Tensor.text(x.shape))")
        }
        var weight = try layer.weight.map { try prepared.values($0) }
        var bias = try layer.bias.map { try prepared.values($0) }
        var rest = epilogue
        if let (scale, shift) = try modulation(layer, x, epilogue) {
            (weight, bias) = (scale, shift)
            (rest.scale, rest.summand) = (nil, nil)
        }
        return try normalized(x, rest) { source, sourceType, target, targetType in
            NetNormalization.layerNorm(
                source, sourceType, target, targetType, rows: channels == 0 ? 0 : x.count / channels,
                channels: channels, weight: weight.map { UnsafePointer(Elementwise.floats($0)) },
                bias: bias.map { UnsafePointer(Elementwise.floats($0)) }, epsilon: Float(layer.epsilon))
        }
    }

    /// The rows of adaLN that take the place of a layer's own weight and bias, so that no second pass follows; nil where the
    /// layer has its own, where images have different rows, or where the kernel would read past their ends.
    private func modulation(
        _ layer: LayerNorm, _ x: Tensor, _ epilogue: Epilogue<Tensor>
    ) throws -> (scale: Tensor, shift: Tensor)? {
        guard layer.weight == nil, layer.bias == nil, case .given(let scale)? = epilogue.scale,
            let shift = epilogue.summand, layer.channels % 16 == 0, scale.shape == [1, layer.channels],
            shift.shape == [1, layer.channels]
        else { return nil }
        return (try convert(scale, .f32).contiguous(), try convert(shift, .f32).contiguous())
    }

    /// Root-mean-square normalisation, an f32 residual added on the way; mean squares in f32.
    public func norm(_ layer: RMSNorm, _ x: Tensor, _ given: Epilogue<Tensor>) throws -> Tensor {
        let channels = layer.channels
        guard channels > 0, let last = x.shape.last, last % channels == 0 else {
            throw TensorError.shape(
                operation: layer.weight.name, message: "wanted […, \(channels) · n], got \(Tensor.text(x.shape))")
        }
        try given.check(x.shape, layer.weight.name)
        var (weight, epilogue) = (
            try prepared.values(layer.weight, layer.addsOne ? .plusOne : .itself) { 1 + $0 }, given
        )
        let bias = try layer.bias.map { try prepared.values($0) }
        // A row of adaLN that all images share becomes a part of the weight, so that no second pass follows.
        if bias == nil, last == channels, channels % 16 == 0, case .given(let scale)? = given.scale,
            scale.shape == [1, channels]
        {
            let (usual, factors) = (weight, try convert(scale, .f32).contiguous())
            weight = try allocate([channels], .f32)
            NetElementwise.product(
                Elementwise.floats(usual), Elementwise.floats(factors), Elementwise.floats(weight), count: channels)
            withExtendedLifetime((usual, factors)) {}
            epilogue.scale = nil
        }
        var (rest, residual, place): (Epilogue<Tensor>, Tensor?, Tensor?) = (epilogue, nil, nil)
        if let own = epilogue.residual, own.value.dtype == .f32, epilogue.hasNoFactors, epilogue.activation == .none {
            (rest.residual, residual) = (nil, try own.value.contiguous())
            // Each of its values is read before the result takes its memory.
            if case .given(let value) = own, value.isContiguous, epilogue.result == .f32 { place = value }
        }
        defer { withExtendedLifetime((weight, bias, residual)) {} }
        let factors = Elementwise.floats(weight)
        return try normalized(x, rest, into: place) { source, sourceType, target, targetType in
            NetNormalization.rmsNorm(
                source, sourceType, target, targetType, rows: x.count / channels, channels: channels,
                weight: factors, bias: bias.map { UnsafePointer(Elementwise.floats($0)) },
                residual: residual.map { UnsafePointer(Elementwise.floats($0)) }, epsilon: Float(layer.epsilon))
        }
    }

    /// Runs a normalisation into the dtype that is asked for, and what follows it.
    private func normalized(
        _ x: Tensor, _ epilogue: Epilogue<Tensor>, into place: Tensor? = nil,
        _ body: (UnsafeRawPointer, NetType, UnsafeMutableRawPointer, NetType) -> Void
    ) throws -> Tensor {
        try epilogue.check(x.shape, "norm")
        let source = try x.contiguous()
        let result = epilogue.hasOnlyResult ? epilogue.result ?? dtype : .f32
        let target = try place ?? allocate(x.shape, result)
        body(source.pointer, try x.dtype.netType("norm"), target.pointer, try result.netType("norm"))
        withExtendedLifetime(source) {}
        return epilogue.hasOnlyResult ? target : try finished(target, epilogue)
    }

    /// Group normalisation, with SiLU on the way; statistics in f32 and f64.
    public func norm(_ layer: GroupNorm, _ x: Tensor, _ epilogue: Epilogue<Tensor>) throws -> Tensor {
        let (channels, name) = (layer.channels, layer.weight.name)
        guard x.rank >= 2, x.shape.last == channels, x.count > 0 else {
            throw TensorError.shape(
                operation: name, message: "wanted [N, …, \(channels)], got \(Tensor.text(x.shape))")
        }
        try epilogue.check(x.shape, name)
        let input = try x.contiguous()
        let pixels = x.count / channels / x.shape[0]
        var rest = epilogue
        let silu = epilogue.activation == .silu && epilogue.residual == nil && epilogue.hasNoFactors
        if silu { rest.activation = .none }
        let result = rest.hasOnlyResult ? epilogue.result ?? dtype : .f32
        let target = try allocate(x.shape, result)
        let layout = NetRows.Layout.channelsLast(try result.netType(name))
        let source = try x.dtype.netType(name)
        let rows = NetRows(channels: channels, sourceWidth: 1, silu: silu, rows: Array(0..<pixels), columns: [0])
        for image in 0..<x.shape[0] {
            let from = input.pointer + image * pixels * channels * x.dtype.size
            let (factors, summands) = try groupCoefficients(layer, from, source, pixels: pixels)
            rows.fill(
                from, source, factors: factors, summands: summands,
                target.pointer + image * pixels * channels * target.dtype.size, layout)
        }
        withExtendedLifetime(input) {}
        return rest.hasOnlyResult ? target : try finished(target, rest)
    }

    /// Factor and summand of each channel that normalise one image `[pixels, channels]` by groups.
    func groupCoefficients(
        _ layer: GroupNorm, _ image: UnsafeRawPointer, _ type: NetType, pixels: Int
    ) throws -> (factors: [Float], summands: [Float]) {
        let channels = layer.channels
        let (weight, bias) = (try prepared.values(layer.weight), try prepared.values(layer.bias))
        // Vectors of sixteen may be read at the last channels.
        var factors = [Float](repeating: 0, count: channels + 16)
        var summands = factors
        NetGroupNorm.coefficients(
            image, type, pixels: pixels, channels: channels, groups: layer.groups, weight: Elementwise.floats(weight),
            bias: Elementwise.floats(bias), epsilon: layer.epsilon, factors: &factors, summands: &summands)
        withExtendedLifetime((weight, bias)) {}
        return (factors, summands)
    }

    /// Batch normalisation with the running statistics, with ReLU on the way.
    public func norm(_ layer: BatchNorm2D, _ x: Tensor, _ epilogue: Epilogue<Tensor>) throws -> Tensor {
        let (channels, name) = (layer.channels, layer.weight.name)
        guard x.shape.last == channels, channels > 0 else {
            throw TensorError.shape(operation: name, message: "wanted […, \(channels)], got \(Tensor.text(x.shape))")
        }
        try epilogue.check(x.shape, name)
        let input = try convert(x, .f32)
        let (weight, bias) = (try prepared.values(layer.weight), try prepared.values(layer.bias))
        let mean = try prepared.values(layer.runningMean)
        let inverse = try prepared.values(layer.runningVariance, .inverseDeviation) {
            Float(1 / (Double($0) + layer.epsilon).squareRoot())
        }
        var rest = epilogue
        let relu = epilogue.activation == .relu && epilogue.residual == nil && epilogue.hasNoFactors
        if relu { rest.activation = .none }
        let target = try allocate(x.shape, .f32)
        NetBatchNorm.forward(
            Elementwise.floats(input), residual: nil, Elementwise.floats(target),
            NetPlanes(images: 1, pixels: x.count / channels, channels: channels, isBlocked: false),
            weight: Elementwise.floats(weight), bias: Elementwise.floats(bias), mean: Elementwise.floats(mean),
            inverseDeviation: Elementwise.floats(inverse), epsilon: layer.epsilon, relu: relu)
        withExtendedLifetime((input, weight, bias, mean, inverse)) {}
        return rest.hasOnlyResult ? try convert(target, epilogue.result ?? dtype) : try finished(target, rest)
    }
}

extension Epilogue {
    /// Whether nothing but the dtype of the result is asked for.
    var hasOnlyResult: Bool { hasNoFactors && residual == nil && activation == .none }
    /// Whether there is neither scale nor summand.
    var hasNoFactors: Bool {
        if case nil = scale, summand == nil { return true }
        return false
    }
}
