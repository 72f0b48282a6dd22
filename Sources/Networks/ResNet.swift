import Engine
import Tensors

/// A network that gives logits `[N, classes]` for images `[N, H, W, 3]`, fused or recorded.
public protocol ClassifierNetwork: AnyObject {
    /// Every parameter, under the names of timm and torchvision.
    var parameters: ParameterScope { get }
    /// The name of the last layer, whose size follows from the classes.
    var head: String { get }
    /// Logits.
    func forward<E: Execution>(_ x: E.Value, on execution: E) throws -> E.Value
}

/// ResNet (He et al., 2015) with the stride in the 3×3 convolution, as torchvision and timm build it.
public final class ResNet: ClassifierNetwork {
    /// Every parameter.
    public let parameters: ParameterScope
    /// `fc`.
    public let head = "fc"
    private let trunk: ResNetTrunk
    private let fc: Linear

    /// - Parameters:
    ///   - scope: where the parameters are declared.
    ///   - depths: blocks of each of the four stages.
    ///   - isBottleneck: whether blocks have three convolutions and four times as many channels behind them.
    public init(
        _ scope: ParameterScope = ParameterScope(), depths: [Int], isBottleneck: Bool, classes: Int
    ) throws {
        trunk = try ResNetTrunk(scope, depths: depths, isBottleneck: isBottleneck)
        fc = Linear(scope["fc"], inputs: trunk.channels, outputs: classes)
        parameters = scope
    }

    /// Logits `[N, classes]` of images `[N, H, W, 3]`.
    public func forward<E: Execution>(_ x: E.Value, on execution: E) throws -> E.Value {
        let features = try trunk.forward(x, on: execution)
        return try execution.linear(fc, execution.globalAverage(features), Epilogue(result: .f32))
    }
}

/// The convolutions of a ResNet, before the mean over the pixels.
final class ResNetTrunk {
    /// One residual block: two 3×3 convolutions, or 1×1, 3×3 and 1×1 ones.
    private struct Block {
        var chain: [Convolution2D]
        var shortcut: Convolution2D?
    }

    /// Channels of the features.
    let channels: Int
    private let stem: Convolution2D
    private let pool: Pooling
    private let blocks: [Block]

    init(_ scope: ParameterScope, depths: [Int], isBottleneck: Bool) throws {
        func convolution(
            _ scope: ParameterScope, _ names: (String, String), _ inputs: Int, _ outputs: Int, _ kernel: Int,
            stride: Int = 1
        ) -> Convolution2D {
            Convolution2D(
                scope[names.0], inputs: inputs, outputs: outputs, kernel: (kernel, kernel), stride: (stride, stride),
                padding: (kernel / 2, kernel / 2), hasBias: false,
                batchNorm: BatchNorm2D(scope[names.1], channels: outputs))
        }
        stem = convolution(scope, ("conv1", "bn1"), 3, 64, 7, stride: 2)
        pool = try Pooling(.max, kernel: 3, stride: 2, padding: 1)
        var blocks: [Block] = []
        var inputs = 64
        for (stage, depth) in depths.enumerated() {
            let width = 64 << stage
            let outputs = isBottleneck ? width * 4 : width
            for index in 0..<depth {
                let block = scope["layer\(stage + 1)"][index]
                let stride = index == 0 && stage > 0 ? 2 : 1
                let chain: [Convolution2D]
                if isBottleneck {
                    chain = [
                        convolution(block, ("conv1", "bn1"), inputs, width, 1),
                        convolution(block, ("conv2", "bn2"), width, width, 3, stride: stride),
                        convolution(block, ("conv3", "bn3"), width, outputs, 1),
                    ]
                } else {
                    chain = [
                        convolution(block, ("conv1", "bn1"), inputs, width, 3, stride: stride),
                        convolution(block, ("conv2", "bn2"), width, width, 3),
                    ]
                }
                let shortcut =
                    stride != 1 || inputs != outputs
                    ? convolution(
                        block["downsample"], ("0", "1"), inputs, outputs, 1, stride: stride) : nil
                blocks.append(Block(chain: chain, shortcut: shortcut))
                inputs = outputs
            }
        }
        self.blocks = blocks
        channels = inputs
    }

    /// Features `[N, H / 32, W / 32, channels]` of images `[N, H, W, 3]`.
    func forward<E: Execution>(_ x: E.Value, on execution: E) throws -> E.Value {
        var value = try execution.pooled(pool, stem, x, .relu)
        for block in blocks {
            let residual = try block.shortcut.map { try execution.convolution($0, value) } ?? value
            var inner = value
            for (index, layer) in block.chain.enumerated() {
                let isLast = index == block.chain.count - 1
                inner = try execution.convolution(
                    layer, inner, Epilogue(residual: isLast ? .given(residual) : nil, activation: .relu))
            }
            value = inner
        }
        return value
    }
}
