/// A two-dimensional convolution of channels-last images, with the batch normalisation that belongs to it.
public final class Convolution2D {
    /// `[outputs, inputs / groups, height, width]` of the kernel.
    public let weight: Parameter
    /// `[outputs]`; nil where the layer has none.
    public let bias: Parameter?
    /// Follows the convolution, before the epilogue; at inference it is folded into the weights.
    public let batchNorm: BatchNorm2D?
    /// Rows and columns from one window to the next.
    public let stride: (height: Int, width: Int)
    /// Zeros above and on the left.
    public let padding: (height: Int, width: Int)
    /// Zeros below and on the right.
    public let paddingAfter: (height: Int, width: Int)
    /// Runs of neighbouring channels, each of which sees its own inputs alone; as many as channels is a depthwise convolution.
    public let groups: Int

    /// Parameters `weight` `[outputs, inputs / groups, kernel.0, kernel.1]` and, unless `hasBias` is false, `bias` `[outputs]`.
    /// - Parameters:
    ///   - kernel: height and width, as `stride` and `padding`.
    ///   - paddingAfter: zeros below and on the right, where they are others than above and on the left.
    ///   - groups: divide the inputs and the outputs.
    ///   - batchNorm: follows the convolution.
    public init(
        _ scope: ParameterScope, inputs: Int, outputs: Int, kernel: (Int, Int), stride: (Int, Int) = (1, 1),
        padding: (Int, Int) = (0, 0), paddingAfter: (Int, Int)? = nil, groups: Int = 1, hasBias: Bool = true,
        batchNorm: BatchNorm2D? = nil
    ) {
        weight = scope.parameter("weight", [outputs, inputs / groups, kernel.0, kernel.1])
        bias = hasBias ? scope.parameter("bias", [outputs]) : nil
        self.batchNorm = batchNorm
        self.stride = stride
        self.padding = padding
        self.paddingAfter = paddingAfter ?? padding
        self.groups = groups
    }

    /// Channels that come in.
    public var inputs: Int { weight.shape[1] * groups }
    /// Channels that go out.
    public var outputs: Int { weight.shape[0] }
    /// Rows and columns of a window.
    public var kernel: (height: Int, width: Int) { (weight.shape[2], weight.shape[3]) }

    /// Rows and columns of the result for images of `height` × `width`; nil where the window does not fit in.
    public func outputSize(_ height: Int, _ width: Int) -> (height: Int, width: Int)? {
        let rows = height + padding.height + paddingAfter.height - kernel.height
        let columns = width + padding.width + paddingAfter.width - kernel.width
        return rows < 0 || columns < 0 ? nil : (rows / stride.height + 1, columns / stride.width + 1)
    }
}
