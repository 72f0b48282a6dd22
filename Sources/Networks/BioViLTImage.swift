import Engine
import Tensors

/// The image network of BioViL-T (Bannur et al., 2023) for a film without an earlier one: a ResNet-50, a 1×1 convolution, the
/// learned stand-in for the earlier film beside it, and a projection of each patch, averaged.
public final class BioViLTImageNetwork {
    /// Every parameter that a single film uses, under the names of the published file.
    public let parameters: ParameterScope
    /// Channels of the joint space.
    public let width: Int
    private let trunk: ResNetTrunk
    private let reduce: Convolution2D
    private let missing: Parameter
    private let expand, project: Convolution2D

    /// The network without weights; fill `parameters` before the first pass.
    /// - Parameters:
    ///   - inner: channels of a film's patch; the stand-in has as many.
    ///   - hidden: channels between the two layers of the projection.
    ///   - width: channels of the joint space.
    public init(inner: Int = 256, hidden: Int = 128, width: Int = 128) throws {
        let scope = ParameterScope()
        parameters = scope
        self.width = width
        let encoder = scope["encoder"]
        trunk = try ResNetTrunk(encoder["encoder"], depths: [3, 4, 6, 3], isBottleneck: true)
        reduce = Convolution2D(
            encoder["backbone_to_vit"], inputs: trunk.channels, outputs: inner, kernel: (1, 1), hasBias: false)
        missing = encoder.parameter("missing_previous_emb", [1, inner, 1, 1])
        let projector = scope["projector"]["model"]
        expand = Convolution2D(
            projector[0], inputs: 2 * inner, outputs: hidden, kernel: (1, 1), hasBias: false,
            batchNorm: BatchNorm2D(projector[1], channels: hidden))
        project = Convolution2D(projector[3], inputs: hidden, outputs: width, kernel: (1, 1))
    }

    /// The mean of the patches' projections, f32 `[N, width]`, of films `[N, H, W, 3]`; not normalised.
    public func forward<E: Execution>(_ x: E.Value, on execution: E) throws -> E.Value {
        let patches = try execution.convolution(reduce, trunk.forward(x, on: execution))
        let (rows, columns, inner) = (patches.shape[1], patches.shape[2], patches.shape[3])
        let one = try execution.reshape(execution.parameter(missing), [1, 1, inner])
        let all = try execution.concatenate([E.Value](repeating: one, count: rows * columns), axis: 1)
        let earlier = try execution.reshape(execution.convert(all, patches.dtype), [1, rows, columns, inner])
        let both = try execution.concatenate([patches, earlier])
        let hidden = try execution.convolution(expand, both, Epilogue(activation: .relu))
        return try execution.globalAverage(execution.convolution(project, hidden, Epilogue(result: .f32)))
    }
}
