import Engine
import Tensors

/// DenseNet-121 (Huang et al., 2017) under torchvision's names: growth 32, bottlenecks of 128 channels.
public final class DenseNet: ClassifierNetwork {
    private struct Layer {
        var norm: BatchNorm2D
        var first: Convolution2D
        var second: Convolution2D
    }
    private struct Transition {
        var norm: BatchNorm2D
        var convolution: Convolution2D
    }

    /// Every parameter.
    public let parameters: ParameterScope
    /// `classifier`.
    public let head = "classifier"
    private let stem: Convolution2D
    private let pool: Pooling
    private let halving: Pooling
    private let stages: [(layers: [Layer], transition: Transition?)]
    private let lastNorm: BatchNorm2D
    private let classifier: Linear

    /// - Parameter depths: layers of each dense block.
    public init(depths: [Int] = [6, 12, 24, 16], classes: Int) throws {
        let scope = ParameterScope()
        let features = scope["features"]
        func convolution(
            _ scope: ParameterScope, _ inputs: Int, _ outputs: Int, _ kernel: Int, stride: Int = 1,
            norm: BatchNorm2D? = nil
        ) -> Convolution2D {
            Convolution2D(
                scope, inputs: inputs, outputs: outputs, kernel: (kernel, kernel), stride: (stride, stride),
                padding: (kernel / 2, kernel / 2), hasBias: false, batchNorm: norm)
        }
        stem = convolution(
            features["conv0"], 3, 64, 7, stride: 2, norm: BatchNorm2D(features["norm0"], channels: 64))
        pool = try Pooling(.max, kernel: 3, stride: 2, padding: 1)
        halving = try Pooling(.average, kernel: 2, stride: 2)
        var channels = 64
        var stages: [(layers: [Layer], transition: Transition?)] = []
        for (stage, depth) in depths.enumerated() {
            var layers: [Layer] = []
            for index in 0..<depth {
                let place = features["denseblock\(stage + 1)"]["denselayer\(index + 1)"]
                layers.append(
                    Layer(
                        norm: BatchNorm2D(place["norm1"], channels: channels),
                        first: convolution(
                            place["conv1"], channels, 128, 1, norm: BatchNorm2D(place["norm2"], channels: 128)),
                        second: convolution(place["conv2"], 128, 32, 3)))
                channels += 32
            }
            var transition: Transition?
            if stage + 1 < depths.count {
                let place = features["transition\(stage + 1)"]
                transition = Transition(
                    norm: BatchNorm2D(place["norm"], channels: channels),
                    convolution: convolution(place["conv"], channels, channels / 2, 1))
                channels /= 2
            }
            stages.append((layers, transition))
        }
        self.stages = stages
        lastNorm = BatchNorm2D(features["norm5"], channels: channels)
        classifier = Linear(scope["classifier"], inputs: channels, outputs: classes)
        parameters = scope
    }

    /// Logits `[N, classes]` of images `[N, H, W, 3]`.
    public func forward<E: Execution>(_ x: E.Value, on execution: E) throws -> E.Value {
        let relu = Epilogue<E.Value>(activation: .relu)
        var value = try execution.pooled(pool, stem, x, .relu)
        for (layers, transition) in stages {
            for layer in layers {
                let normed = try execution.norm(layer.norm, value, relu)
                let inner = try execution.convolution(layer.first, normed, relu)
                value = try execution.concatenate([value, execution.convolution(layer.second, inner)])
            }
            if let transition {
                let normed = try execution.norm(transition.norm, value, relu)
                value = try execution.pool(halving, execution.convolution(transition.convolution, normed))
            }
        }
        let features = try execution.norm(lastNorm, value, relu)
        return try execution.linear(classifier, execution.globalAverage(features), Epilogue(result: .f32))
    }
}
