import Tensors

/// How an image becomes tokens: square patches, row by row, whose values are the channels of a token.
public struct Patches: Hashable, Sendable {
    /// The order of a patch's values.
    public enum Order: Hashable, Sendable {
        /// `[rows, columns, channels]`, as diffusion transformers put them out.
        case channelsLast
        /// `[channels, rows, columns]`, as FLUX packs its latents.
        case channelsFirst
    }

    /// Pixels of a side.
    public let size: Int
    /// The order of a patch's values.
    public let order: Order

    /// Patches of `size` × `size` pixels.
    /// - Throws: `TensorError.value` for a size below 1.
    public init(size: Int, order: Order = .channelsLast) throws {
        guard size > 0 else { throw TensorError.value(operation: "patches", message: "a size of \(size)") }
        self.size = size
        self.order = order
    }

    /// The shape `[N, T, size² C]` of the tokens of images `[N, H, W, C]`.
    /// - Throws: `TensorError.shape` for sides that are no multiples of the size.
    public func tokenShape(_ images: [Int]) throws -> [Int] {
        guard images.count == 4, images[1] % size == 0, images[2] % size == 0 else {
            throw TensorError.shape(
                operation: "patches",
                message: "wanted [N, H, W, C] with sides of \(size) · n, got \(Tensor.text(images))")
        }
        return [images[0], images[1] / size * (images[2] / size), size * size * images[3]]
    }

    /// The shape `[N, H, W, C]` of images of `height` × `width` pixels whose tokens are `[N, T, size² C]`.
    /// - Throws: `TensorError.shape` where these do not make up such images.
    public func imageShape(_ tokens: [Int], height: Int, width: Int) throws -> [Int] {
        let area = size * size
        guard tokens.count == 3, height % size == 0, width % size == 0,
            tokens[1] == height / size * (width / size), tokens[2] % area == 0
        else {
            throw TensorError.shape(
                operation: "patches", message: "\(Tensor.text(tokens)) are no tokens of \(height) × \(width) pixels")
        }
        return [tokens[0], height, width, tokens[2] / area]
    }
}
