import Foundation
import Engine
import Networks
import Tensors

/// The networks by name, and their weights at the start.
public enum ClassifierNetworks {
    /// The names that `make` knows.
    public static let names = ["resnet18", "resnet34", "resnet50", "resnet101", "densenet121"]

    /// A network without weights.
    /// - Throws: `TensorError.value` for an unknown name or fewer than one class.
    public static func make(_ name: String, classes: Int) throws -> ClassifierNetwork {
        guard (1...100_000).contains(classes) else {
            throw TensorError.value(operation: "classifier", message: "wanted 1 to 100000 classes, got \(classes)")
        }
        switch name {
        case "resnet18": return try ResNet(depths: [2, 2, 2, 2], isBottleneck: false, classes: classes)
        case "resnet34": return try ResNet(depths: [3, 4, 6, 3], isBottleneck: false, classes: classes)
        case "resnet50": return try ResNet(depths: [3, 4, 6, 3], isBottleneck: true, classes: classes)
        case "resnet101": return try ResNet(depths: [3, 4, 23, 3], isBottleneck: true, classes: classes)
        case "densenet121": return try DenseNet(classes: classes)
        default:
            throw TensorError.value(
                operation: "classifier", message: "no network \"\(name)\"; known: " + names.joined(separator: ", "))
        }
    }

    /// The names and shapes of all tensors that a network's weights hold.
    /// - Throws: as `make`.
    public static func parameters(_ name: String, classes: Int) throws -> [(name: String, shape: [Int])] {
        try make(name, classes: classes).parameters.parameters.map { ($0.name, $0.shape) }
    }

    /// A value at the start, by PyTorch's rules for these networks: convolutions normal with deviation √(2 / fan-out)
    /// (√(2 / fan-in) in DenseNet), norms 1 and 0, the head uniform within 1 / √fan-in.
    static func initial(_ parameter: Parameter, _ network: ClassifierNetwork, seed: UInt64) throws -> Tensor {
        // Each parameter has a stream of its own, so that a new head does not depend on what comes before it.
        var key = seed ^ 0xCBF2_9CE4_8422_2325
        for byte in parameter.name.utf8 { key = (key ^ UInt64(byte)) &* 0x100_0000_01B3 }
        let generator = TorchGenerator(seed: key ^ (key >> 32))
        let shape = parameter.shape
        if shape.count == 4 {
            let fan = (network is DenseNet ? shape[1] : shape[0]) * shape[2] * shape[3]
            let deviation = Float((2 / Double(fan)).squareRoot())
            let values = try Tensor.randn(shape, generator: generator)
            try values.withElements(Float.self) { for index in $0.indices { $0[index] *= deviation } }
            return values
        }
        if parameter.name.hasPrefix(network.head + ".") {
            let inputs = network.parameters.parameters.first { $0.name == network.head + ".weight" }?.shape.last ?? 1
            let bound = Float(1 / Double(inputs).squareRoot())
            let values = try Tensor.rand(shape, generator: generator)
            let isBias = network is DenseNet && shape.count == 1
            try values.withElements(Float.self) {
                for index in $0.indices { $0[index] = isBias ? 0 : (2 * $0[index] - 1) * bound }
            }
            return values
        }
        let isOne = parameter.name.hasSuffix("weight") || parameter.name.hasSuffix("running_var")
        return isOne ? try Tensor.ones(shape) : try Tensor.zeros(shape)
    }
}
