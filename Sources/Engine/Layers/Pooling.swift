import Tensors

/// Pooling of channels-last images by square windows; it has no parameters.
public struct Pooling: Hashable, Sendable {
    /// What a window's values become.
    public enum Kind: Sendable { case max, average }

    /// What a window's values become.
    public let kind: Kind
    /// Pixels of a window's side.
    public let kernel: Int
    /// Pixels from one window to the next.
    public let stride: Int
    /// Pixels that windows reach over the border.
    public let padding: Int
    /// Whether averages divide by the whole window at the border too, PyTorch's default.
    public let countsPadding: Bool
    /// Whether results below zero become zero.
    public let relu: Bool

    /// A square window.
    /// - Throws: `TensorError.value` for a window without pixels, or one that may lie outside of the image.
    public init(
        _ kind: Kind, kernel: Int, stride: Int, padding: Int = 0, countsPadding: Bool = true, relu: Bool = false
    ) throws {
        guard kernel > 0, stride > 0, padding >= 0, padding * 2 <= kernel else {
            throw TensorError.value(
                operation: "pooling", message: "kernel \(kernel), stride \(stride), padding \(padding)")
        }
        self.kind = kind
        self.kernel = kernel
        self.stride = stride
        self.padding = padding
        self.countsPadding = countsPadding
        self.relu = relu
    }

    /// The shape `[N, H', W', C]` of the result for images of `shape`.
    /// - Throws: `TensorError.shape` for other shapes than `[N, H, W, C]` of at least a window.
    public func outputShape(_ shape: [Int]) throws -> [Int] {
        guard shape.count == 4, shape[1] + 2 * padding >= kernel, shape[2] + 2 * padding >= kernel else {
            throw TensorError.shape(
                operation: "pooling",
                message: "wanted [N, H, W, C] of at least \(kernel) × \(kernel), got \(Tensor.text(shape))")
        }
        return [
            shape[0], (shape[1] + 2 * padding - kernel) / stride + 1, (shape[2] + 2 * padding - kernel) / stride + 1,
            shape[3],
        ]
    }
}
