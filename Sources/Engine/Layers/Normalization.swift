import Tensors

/// Layer normalisation over the last dimension (Ba et al., 2016): (x - mean) / √(variance + ε) · weight + bias.
public final class LayerNorm {
    /// `[channels]`; nil where the layer only normalises, as adaLN's do.
    public let weight: Parameter?
    /// `[channels]`; nil where the layer has none.
    public let bias: Parameter?
    /// The size of the last dimension.
    public let channels: Int
    /// Is added to the variance.
    public let epsilon: Double

    /// Parameters `weight` and `bias`, each `[channels]`, unless `isAffine` is false.
    public init(_ scope: ParameterScope, channels: Int, epsilon: Double = 1e-5, isAffine: Bool = true) {
        weight = isAffine ? scope.parameter("weight", [channels]) : nil
        bias = isAffine ? scope.parameter("bias", [channels]) : nil
        self.channels = channels
        self.epsilon = epsilon
    }
}

/// Root-mean-square normalisation (Zhang and Sennrich, 2019): x / √(mean(x²) + ε) · weight + bias, over each run of
/// `channels` neighbours, so that one layer also serves the heads of a query.
public final class RMSNorm {
    /// `[channels]`.
    public let weight: Parameter
    /// `[channels]`; nil where the layer has none, as most.
    public let bias: Parameter?
    /// Is added to the mean square.
    public let epsilon: Double
    /// Whether values are multiplied with 1 + weight, as in Gemma.
    public let addsOne: Bool

    /// A parameter `weight` and, if `hasBias`, `bias`, each `[channels]`.
    public init(
        _ scope: ParameterScope, channels: Int, epsilon: Double = 1e-6, addsOne: Bool = false, hasBias: Bool = false
    ) {
        weight = scope.parameter("weight", [channels])
        bias = hasBias ? scope.parameter("bias", [channels]) : nil
        self.epsilon = epsilon
        self.addsOne = addsOne
    }

    /// How many neighbours are normalised together.
    public var channels: Int { weight.shape[0] }
}

/// Group normalisation (Wu and He, 2018) of channels-last activations: over all places and the channels of a group.
public final class GroupNorm {
    /// `[channels]`.
    public let weight: Parameter
    /// `[channels]`.
    public let bias: Parameter
    /// Groups of neighbouring channels.
    public let groups: Int
    /// Is added to the variance.
    public let epsilon: Double

    /// Parameters `weight` and `bias`, each `[channels]`.
    /// - Throws: `TensorError.value` where `groups` does not divide `channels`.
    public init(_ scope: ParameterScope, groups: Int, channels: Int, epsilon: Double = 1e-5) throws {
        guard groups > 0, channels % groups == 0 else {
            throw TensorError.value(
                operation: "group norm", message: "\(groups) groups do not divide \(channels) channels")
        }
        weight = scope.parameter("weight", [channels])
        bias = scope.parameter("bias", [channels])
        self.groups = groups
        self.epsilon = epsilon
    }

    /// The size of the last dimension.
    public var channels: Int { weight.shape[0] }
}

/// Batch normalisation (Ioffe and Szegedy, 2015): with the running statistics at inference, with the batch's where a
/// training records.
public final class BatchNorm2D {
    /// `[channels]`.
    public let weight: Parameter
    /// `[channels]`.
    public let bias: Parameter
    /// `[channels]`.
    public let runningMean: Parameter
    /// `[channels]`.
    public let runningVariance: Parameter
    /// Is added to the variance.
    public let epsilon: Double

    /// Parameters `weight`, `bias`, `running_mean`, `running_var`, each `[channels]`.
    public init(_ scope: ParameterScope, channels: Int, epsilon: Double = 1e-5) {
        weight = scope.parameter("weight", [channels])
        bias = scope.parameter("bias", [channels])
        runningMean = scope.parameter("running_mean", [channels])
        runningVariance = scope.parameter("running_var", [channels])
        self.epsilon = epsilon
    }

    /// The size of the last dimension.
    public var channels: Int { weight.shape[0] }

    /// The scale and shift of each channel with the running statistics, worked out in f64.
    public func folded() throws -> (scale: [Double], shift: [Double]) {
        let gamma = try weight.floats()
        let beta = try bias.floats()
        let mean = try runningMean.floats()
        let variance = try runningVariance.floats()
        let scale = zip(gamma, variance).map { Double($0) / (Double($1) + epsilon).squareRoot() }
        let shift = beta.indices.map { Double(beta[$0]) - Double(mean[$0]) * scale[$0] }
        return (scale, shift)
    }

    /// Every parameter.
    public var parameters: [Parameter] { [weight, bias, runningMean, runningVariance] }
}
