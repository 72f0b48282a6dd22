import Engine
import Foundation
import Networks
import Tensors

/// A network that tells what an image shows, as `Classifier` and scripts know it.
public struct ClassifierEntry: Sendable {
    /// Gives the value of a parameter at the start, in the parameter's shape; the generator's stream is the parameter's own.
    public typealias InitialValue =
        @Sendable (_ parameter: Parameter, _ network: ClassifierNetwork, _ generator: TorchGenerator) throws -> Tensor

    /// The name, as timm and torchvision have it.
    public let name: String
    /// What it is, in words.
    public let about: String
    /// Makes the network for so many classes, without weights.
    public let make: @Sendable (_ classes: Int) throws -> ClassifierNetwork
    /// Its values where no file gives them.
    public let initial: InitialValue

    /// Describes a network.
    public init(
        _ name: String, about: String, initial: @escaping InitialValue,
        make: @escaping @Sendable (_ classes: Int) throws -> ClassifierNetwork
    ) {
        self.name = name
        self.about = about
        self.initial = initial
        self.make = make
    }

    /// What the incoming and outgoing values of a convolution are counted by, for the deviation of its weights.
    public enum Fan: Sendable { case inputs, outputs }

    /// Values by PyTorch's rules: convolutions normal with deviation √(2 / fan), norms 1 and 0, the head uniform within
    /// 1 / √fan-in.
    /// - Parameters:
    ///   - fan: whose values a convolution's deviation counts.
    ///   - headBias: whether the head's bias is drawn as its weights are; it is 0 otherwise.
    public static func drawn(fan: Fan, headBias isDrawn: Bool) -> InitialValue {
        { parameter, network, generator in
            let shape = parameter.shape
            if shape.count == 4 {
                let count = (fan == .inputs ? shape[1] : shape[0]) * shape[2] * shape[3]
                let deviation = Float((2 / Double(count)).squareRoot())
                let values = try Tensor.randn(shape, generator: generator)
                try values.withElements(Float.self) { for index in $0.indices { $0[index] *= deviation } }
                return values
            }
            if parameter.name.hasPrefix(network.head + ".") {
                let weight = network.parameters.parameters.first { $0.name == network.head + ".weight" }
                let inputs = weight?.shape.last ?? 1
                let bound = Float(1 / Double(inputs).squareRoot())
                let values = try Tensor.rand(shape, generator: generator)
                let isZero = !isDrawn && shape.count == 1
                try values.withElements(Float.self) {
                    for index in $0.indices { $0[index] = isZero ? 0 : (2 * $0[index] - 1) * bound }
                }
                return values
            }
            let isOne = parameter.name.hasSuffix("weight") || parameter.name.hasSuffix("running_var")
            return isOne ? try Tensor.ones(shape) : try Tensor.zeros(shape)
        }
    }
}

extension ResNet {
    /// A ResNet of so many blocks a stage.
    static func entry(_ layers: Int, _ depths: [Int], isBottleneck: Bool = false) -> ClassifierEntry {
        ClassifierEntry(
            "resnet\(layers)", about: "\(layers) layers with shortcuts",
            initial: ClassifierEntry.drawn(fan: .outputs, headBias: true)
        ) { try ResNet(depths: depths, isBottleneck: isBottleneck, classes: $0) }
    }
}

extension DenseNet {
    /// DenseNet-121.
    static let entry = ClassifierEntry(
        "densenet121", about: "121 layers that read all before them",
        initial: ClassifierEntry.drawn(fan: .inputs, headBias: false)
    ) { try DenseNet(classes: $0) }
}
