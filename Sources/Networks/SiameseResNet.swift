import Engine
import Tensors

/// The network that tells whether two chest radiographs are of one patient (Packhäuser et al., 2022): a ResNet-50 whose 128
/// answers pass a sigmoid, and a linear layer over the absolute differences of two images' answers.
public final class SiameseResNet {
    /// Every parameter, under the names of the published file.
    public let parameters: ParameterScope
    /// Answers of an image.
    public static let width = 128
    private let trunk: ResNet
    /// `[1, width]` and `[1]`: the layer over the differences.
    public let weight, bias: Parameter

    /// The network without weights; fill `parameters` before the first pass.
    public init() throws {
        let scope = ParameterScope()
        parameters = scope
        trunk = try ResNet(scope["model"], depths: [3, 4, 6, 3], isBottleneck: true, classes: Self.width)
        weight = scope["fc_end"].parameter("weight", [1, Self.width])
        bias = scope["fc_end"].parameter("bias", [1])
    }

    /// The answers before the sigmoid, f32 `[N, width]`, of images `[N, H, W, 3]`.
    public func forward<E: Execution>(_ x: E.Value, on execution: E) throws -> E.Value {
        try trunk.forward(x, on: execution)
    }
}
