import NeuralNet
import Tensors

/// A convolution without bias, batch normalisation with ε = 1e-3, ReLU: the only kind of convolution in InceptionV3.
/// `activation` is other than ReLU only where pooling comes between.
private func convolution(
    _ scope: ParameterScope, _ inputs: Int, _ outputs: Int, _ kernel: (Int, Int) = (1, 1), stride: Int = 1,
    padding: (Int, Int) = (0, 0), activation: Activation = .relu
) -> Convolution2D {
    Convolution2D(
        scope["conv"], inputs: inputs, outputs: outputs, kernel: kernel, stride: (stride, stride), padding: padding,
        hasBias: false, batchNorm: BatchNorm2D(scope["bn"], channels: outputs, epsilon: 1e-3),
        activation: activation)
}

/// Convolutions one after the other, and then, where there are any, several side by side on the last one's result.
private struct Branch {
    var chain: [Convolution2D]
    var ends: [Convolution2D] = []
    /// Pools the block's input before the chain.
    var pooling: Pooling?
    /// Pools the chain's result. A 1×1 convolution and an average over pixels commute, and the convolution leaves fewer
    /// channels to average.
    var lastPooling: Pooling?

    func forward(_ x: Tensor, into parts: inout [Tensor], _ context: Context) throws {
        var value = x
        if let pooling { value = try pooling.forward(value, context) }
        for layer in chain { value = try layer.forward(value, context) }
        if let lastPooling {
            parts.append(try lastPooling.forward(value, context))
        } else if ends.isEmpty {
            parts.append(value)
        } else {
            for layer in ends { parts.append(try layer.forward(value, context)) }
        }
    }
}

/// A block of InceptionV3: branches on the same input, side by side in the channels of the output.
private final class InceptionBlock: Module {
    let branches: [Branch]

    init(_ branches: [Branch]) { self.branches = branches }

    func forward(_ x: Tensor, _ context: Context) throws -> Tensor {
        var parts: [Tensor] = []
        for branch in branches { try branch.forward(x, into: &parts, context) }
        return try context.concatenateChannels(parts)
    }

    /// 35 × 35 blocks: 1×1; 5×5; two 3×3; average pool.
    static func a(_ scope: ParameterScope, _ inputs: Int, pool: Int) throws -> InceptionBlock {
        InceptionBlock([
            Branch(chain: [convolution(scope["branch1x1"], inputs, 64)]),
            Branch(chain: [
                convolution(scope["branch5x5_1"], inputs, 48),
                convolution(scope["branch5x5_2"], 48, 64, (5, 5), padding: (2, 2)),
            ]),
            Branch(chain: [
                convolution(scope["branch3x3dbl_1"], inputs, 64),
                convolution(scope["branch3x3dbl_2"], 64, 96, (3, 3), padding: (1, 1)),
                convolution(scope["branch3x3dbl_3"], 96, 96, (3, 3), padding: (1, 1)),
            ]),
            try averageBranch(scope, inputs, pool),
        ])
    }

    /// 35 × 35 to 17 × 17.
    static func b(_ scope: ParameterScope, _ inputs: Int) throws -> InceptionBlock {
        InceptionBlock([
            Branch(chain: [convolution(scope["branch3x3"], inputs, 384, (3, 3), stride: 2)]),
            Branch(chain: [
                convolution(scope["branch3x3dbl_1"], inputs, 64),
                convolution(scope["branch3x3dbl_2"], 64, 96, (3, 3), padding: (1, 1)),
                convolution(scope["branch3x3dbl_3"], 96, 96, (3, 3), stride: 2),
            ]),
            Branch(chain: [], pooling: try Pooling(.max, kernel: 3, stride: 2)),
        ])
    }

    /// 17 × 17 blocks: 7×7 convolutions as pairs of 1×7 and 7×1 of `width` channels.
    static func c(_ scope: ParameterScope, _ inputs: Int, width: Int) throws -> InceptionBlock {
        let across = (1, 7)
        let down = (7, 1)
        return InceptionBlock([
            Branch(chain: [convolution(scope["branch1x1"], inputs, 192)]),
            Branch(chain: [
                convolution(scope["branch7x7_1"], inputs, width),
                convolution(scope["branch7x7_2"], width, width, across, padding: (0, 3)),
                convolution(scope["branch7x7_3"], width, 192, down, padding: (3, 0)),
            ]),
            Branch(chain: [
                convolution(scope["branch7x7dbl_1"], inputs, width),
                convolution(scope["branch7x7dbl_2"], width, width, down, padding: (3, 0)),
                convolution(scope["branch7x7dbl_3"], width, width, across, padding: (0, 3)),
                convolution(scope["branch7x7dbl_4"], width, width, down, padding: (3, 0)),
                convolution(scope["branch7x7dbl_5"], width, 192, across, padding: (0, 3)),
            ]),
            try averageBranch(scope, inputs, 192),
        ])
    }

    /// 17 × 17 to 8 × 8.
    static func d(_ scope: ParameterScope, _ inputs: Int) throws -> InceptionBlock {
        InceptionBlock([
            Branch(chain: [
                convolution(scope["branch3x3_1"], inputs, 192),
                convolution(scope["branch3x3_2"], 192, 320, (3, 3), stride: 2),
            ]),
            Branch(chain: [
                convolution(scope["branch7x7x3_1"], inputs, 192),
                convolution(scope["branch7x7x3_2"], 192, 192, (1, 7), padding: (0, 3)),
                convolution(scope["branch7x7x3_3"], 192, 192, (7, 1), padding: (3, 0)),
                convolution(scope["branch7x7x3_4"], 192, 192, (3, 3), stride: 2),
            ]),
            Branch(chain: [], pooling: try Pooling(.max, kernel: 3, stride: 2)),
        ])
    }

    /// 8 × 8 blocks. The last one pools with maxima, as the TensorFlow graph of 2015 does.
    static func e(_ scope: ParameterScope, _ inputs: Int, isLast: Bool = false) throws -> InceptionBlock {
        let pool =
            isLast
            ? Branch(
                chain: [convolution(scope["branch_pool"], inputs, 192)],
                pooling: try Pooling(.max, kernel: 3, stride: 1, padding: 1))
            : try averageBranch(scope, inputs, 192)
        return InceptionBlock([
            Branch(chain: [convolution(scope["branch1x1"], inputs, 320)]),
            Branch(
                chain: [convolution(scope["branch3x3_1"], inputs, 384)],
                ends: [
                    convolution(scope["branch3x3_2a"], 384, 384, (1, 3), padding: (0, 1)),
                    convolution(scope["branch3x3_2b"], 384, 384, (3, 1), padding: (1, 0)),
                ]),
            Branch(
                chain: [
                    convolution(scope["branch3x3dbl_1"], inputs, 448),
                    convolution(scope["branch3x3dbl_2"], 448, 384, (3, 3), padding: (1, 1)),
                ],
                ends: [
                    convolution(scope["branch3x3dbl_3a"], 384, 384, (1, 3), padding: (0, 1)),
                    convolution(scope["branch3x3dbl_3b"], 384, 384, (3, 1), padding: (1, 0)),
                ]),
            pool,
        ])
    }

    /// A 3×3 average of every pixel, border windows over their part inside the image, through a 1×1 convolution.
    private static func averageBranch(_ scope: ParameterScope, _ inputs: Int, _ outputs: Int) throws -> Branch {
        Branch(
            chain: [convolution(scope["branch_pool"], inputs, outputs, activation: .none)],
            lastPooling: try Pooling(
                .average, kernel: 3, stride: 1, padding: 1, countIncludePad: false, relu: true))
    }
}

/// The InceptionV3 of the Fréchet inception distance (TensorFlow's graph of 2015-12-05, as torch-fidelity 0.3.0 ports
/// it): 299 × 299 images with values in -1 … 1 to 2048 pooled features, and 1008 logits.
public final class InceptionV3Network {
    /// Every parameter under torch-fidelity's names.
    public let parameters: ParameterScope
    private let stem: [Module]
    private let pools: [Int: Pooling]
    private let fc: Linear
    private let fcBias: Parameter

    /// The network without weights; fill `parameters` before the first pass.
    public init() throws {
        let scope = ParameterScope()
        stem = [
            convolution(scope["Conv2d_1a_3x3"], 3, 32, (3, 3), stride: 2),
            convolution(scope["Conv2d_2a_3x3"], 32, 32, (3, 3)),
            convolution(scope["Conv2d_2b_3x3"], 32, 64, (3, 3), padding: (1, 1)),
            convolution(scope["Conv2d_3b_1x1"], 64, 80),
            convolution(scope["Conv2d_4a_3x3"], 80, 192, (3, 3)),
            try InceptionBlock.a(scope["Mixed_5b"], 192, pool: 32),
            try InceptionBlock.a(scope["Mixed_5c"], 256, pool: 64),
            try InceptionBlock.a(scope["Mixed_5d"], 288, pool: 64),
            try InceptionBlock.b(scope["Mixed_6a"], 288),
            try InceptionBlock.c(scope["Mixed_6b"], 768, width: 128),
            try InceptionBlock.c(scope["Mixed_6c"], 768, width: 160),
            try InceptionBlock.c(scope["Mixed_6d"], 768, width: 160),
            try InceptionBlock.c(scope["Mixed_6e"], 768, width: 192),
            try InceptionBlock.d(scope["Mixed_7a"], 768),
            try InceptionBlock.e(scope["Mixed_7b"], 1280),
            try InceptionBlock.e(scope["Mixed_7c"], 2048, isLast: true),
        ]
        let halving = try Pooling(.max, kernel: 3, stride: 2)
        pools = [2: halving, 4: halving]
        fc = Linear(scope["fc"], inputs: 2048, outputs: 1008, hasBias: false, result: .f32)
        fcBias = scope["fc"].parameter("bias", [1008])
        parameters = scope
    }

    /// The layer from which on several images go through together. Before it, weights are small and activations large,
    /// so each image alone stays in the cache; behind it, each weight that is read from memory serves all of them.
    private static let together = 8

    /// The pooled features, f32 `[N, 2048]`, of images `[1, 299, 299, 3]` in the context's dtype, that `image` gives.
    public func features(_ count: Int, _ context: Context, image: (Int) throws -> Tensor) throws -> Tensor {
        var joined: Tensor?
        for index in 0..<count {
            let value = try run(0..<Self.together, image(index), context)
            if count == 1 {
                joined = value
                break
            }
            let all = try joined ?? context.tensor([count] + value.shape.dropFirst(), value.dtype)
            let bytes = value.count * value.dtype.size
            (all.pointer + index * bytes).copyMemory(from: value.pointer, byteCount: bytes)
            joined = all
        }
        guard let joined else { return try context.tensor([0, 2048], .f32) }
        let value = try run(Self.together..<stem.count, joined, context)
        let pooled = try context.tensor([count, 2048], .f32)
        try Pooling.globalAverage(value, into: pooled)
        return pooled
    }

    private func run(_ layers: Range<Int>, _ x: Tensor, _ context: Context) throws -> Tensor {
        var value = x
        for index in layers {
            value = try stem[index].forward(value, context)
            if let pool = pools[index] { value = try pool.forward(value, context) }
        }
        return value
    }

    /// The last layer without its bias, f32 `[N, 1008]`, of pooled features: what the Inception Score is made from.
    public func logitsUnbiased(_ features: Tensor, _ context: Context) throws -> Tensor {
        try fc.forward(context.converted(features, context.dtype), context)
    }

    /// The bias of the last layer, `[1008]`.
    public func logitBias() throws -> [Float] { try fcBias.floats() }
}
