import Engine
import Tensors

/// A convolution without bias, batch normalisation with ε = 1e-3, ReLU: the only kind of convolution in InceptionV3.
private func convolution(
    _ scope: ParameterScope, _ inputs: Int, _ outputs: Int, _ kernel: (Int, Int) = (1, 1), stride: Int = 1,
    padding: (Int, Int) = (0, 0)
) -> Convolution2D {
    Convolution2D(
        scope["conv"], inputs: inputs, outputs: outputs, kernel: kernel, stride: (stride, stride), padding: padding,
        hasBias: false, batchNorm: BatchNorm2D(scope["bn"], channels: outputs, epsilon: 1e-3))
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

    func forward<E: Execution>(_ x: E.Value, into parts: inout [E.Value], on execution: E) throws {
        var value = x
        if let pooling { value = try execution.pool(pooling, value) }
        // Where pooling comes behind the convolution, ReLU comes behind the pooling.
        let epilogue = Epilogue<E.Value>(activation: lastPooling == nil ? .relu : .none)
        for layer in chain { value = try execution.convolution(layer, value, epilogue) }
        if let lastPooling {
            parts.append(try execution.pool(lastPooling, value))
        } else if ends.isEmpty {
            parts.append(value)
        } else {
            for layer in ends { parts.append(try execution.convolution(layer, value, epilogue)) }
        }
    }
}

/// A block of InceptionV3: branches on the same input, side by side in the channels of the output.
private struct InceptionBlock {
    let branches: [Branch]

    init(_ branches: [Branch]) { self.branches = branches }

    func forward<E: Execution>(_ x: E.Value, on execution: E) throws -> E.Value {
        var parts: [E.Value] = []
        for branch in branches { try branch.forward(x, into: &parts, on: execution) }
        return try execution.concatenate(parts)
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
            chain: [convolution(scope["branch_pool"], inputs, outputs)],
            lastPooling: try Pooling(
                .average, kernel: 3, stride: 1, padding: 1, countsPadding: false, relu: true))
    }
}

/// The InceptionV3 of the Fréchet inception distance (TensorFlow's graph of 2015-12-05, as torch-fidelity 0.3.0 ports
/// it): 299 × 299 images with values in -1 … 1 to 2048 pooled features, and 1008 logits.
public final class InceptionV3Network {
    /// Every parameter under torch-fidelity's names.
    public let parameters: ParameterScope
    /// The way of an image from pixels to what comes before the last layer.
    private let steps: [Step]
    private let fc: Linear
    private let fcBias: Parameter

    private enum Step {
        case convolution(Convolution2D)
        case block(InceptionBlock)
        case pooling(Pooling)
    }

    /// The network without weights; fill `parameters` before the first pass.
    public init() throws {
        let scope = ParameterScope()
        let halving = Step.pooling(try Pooling(.max, kernel: 3, stride: 2))
        steps = [
            .convolution(convolution(scope["Conv2d_1a_3x3"], 3, 32, (3, 3), stride: 2)),
            .convolution(convolution(scope["Conv2d_2a_3x3"], 32, 32, (3, 3))),
            .convolution(convolution(scope["Conv2d_2b_3x3"], 32, 64, (3, 3), padding: (1, 1))), halving,
            .convolution(convolution(scope["Conv2d_3b_1x1"], 64, 80)),
            .convolution(convolution(scope["Conv2d_4a_3x3"], 80, 192, (3, 3))), halving,
            .block(try InceptionBlock.a(scope["Mixed_5b"], 192, pool: 32)),
            .block(try InceptionBlock.a(scope["Mixed_5c"], 256, pool: 64)),
            .block(try InceptionBlock.a(scope["Mixed_5d"], 288, pool: 64)),
            .block(try InceptionBlock.b(scope["Mixed_6a"], 288)),
            .block(try InceptionBlock.c(scope["Mixed_6b"], 768, width: 128)),
            .block(try InceptionBlock.c(scope["Mixed_6c"], 768, width: 160)),
            .block(try InceptionBlock.c(scope["Mixed_6d"], 768, width: 160)),
            .block(try InceptionBlock.c(scope["Mixed_6e"], 768, width: 192)),
            .block(try InceptionBlock.d(scope["Mixed_7a"], 768)),
            .block(try InceptionBlock.e(scope["Mixed_7b"], 1280)),
            .block(try InceptionBlock.e(scope["Mixed_7c"], 2048, isLast: true)),
        ]
        fc = Linear(scope["fc"], inputs: 2048, outputs: 1008, hasBias: false)
        fcBias = scope["fc"].parameter("bias", [1008])
        parameters = scope
    }

    /// The step from which on several images go through together. Before it, weights are small and activations large,
    /// so each image alone stays in a processor's cache; behind it, each weight that is read from memory serves all of them.
    private static let together = 10

    /// What each byte becomes: (x - 128) / 128.
    private static let pixels = PixelTable(scale: 1 / 128, shift: -1)

    /// The pooled features, f32 `[N, 2048]`, of images `[N, 299, 299, 3]`: bytes, or numbers that are normalised to -1 … 1.
    public func features<E: Execution>(_ images: E.Value, on execution: E) throws -> E.Value {
        let early = try execution.each([images], by: .image) { parts in
            let image = parts[0].dtype == .u8 ? try execution.pixels(parts[0], Self.pixels) : parts[0]
            return try run(..<Self.together, image, on: execution)
        }
        return try execution.globalAverage(run(Self.together..., early, on: execution))
    }

    private func run<E: Execution>(
        _ part: some RangeExpression<Int>, _ x: E.Value, on execution: E
    ) throws -> E.Value {
        var value = x
        for step in steps[part] {
            switch step {
            case .convolution(let layer):
                value = try execution.convolution(layer, value, Epilogue(activation: .relu))
            case .block(let block): value = try block.forward(value, on: execution)
            case .pooling(let layer): value = try execution.pool(layer, value)
            }
        }
        return value
    }

    /// The last layer without its bias, f32 `[N, 1008]`, of pooled features: what the Inception Score is made from.
    public func logitsUnbiased<E: Execution>(_ features: E.Value, on execution: E) throws -> E.Value {
        try execution.linear(fc, features, Epilogue(result: .f32))
    }

    /// The last layer with its bias, of what it is without.
    public func logits<E: Execution>(unbiased: E.Value, on execution: E) throws -> E.Value {
        try execution.add(unbiased, execution.parameter(fcBias))
    }
}
