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
    /// Values of a patch, neighbours in its order, that are one channel of a token: their mean on the way to tokens, and on
    /// the way back each of them. These are the shortcuts of DC-AE (Chen et al., 2024) around layers that change the size.
    public let run: Int

    /// Patches of `size` × `size` pixels.
    /// - Throws: `TensorError.value` for a size or a run below 1.
    public init(size: Int, order: Order = .channelsLast, run: Int = 1) throws {
        guard size > 0, run > 0 else {
            throw TensorError.value(operation: "patches", message: "a size of \(size), runs of \(run)")
        }
        self.size = size
        self.order = order
        self.run = run
    }

    /// The shape `[N, T, size² C / run]` of the tokens of images `[N, H, W, C]`.
    /// - Throws: `TensorError.shape` for sides that are no multiples of the size, and patches that do not fall into runs.
    public func tokenShape(_ images: [Int]) throws -> [Int] {
        guard images.count == 4, images[1] % size == 0, images[2] % size == 0, size * size * images[3] % run == 0 else {
            throw TensorError.shape(
                operation: "patches",
                message: "wanted [N, H, W, C] with sides of \(size) · n" + (run > 1 ? " in runs of \(run)" : "")
                    + ", got \(Tensor.text(images))")
        }
        return [images[0], images[1] / size * (images[2] / size), size * size * images[3] / run]
    }

    /// The shape `[N, H, W, C]` of images of `height` × `width` pixels whose tokens are `[N, T, size² C / run]`.
    /// - Throws: `TensorError.shape` where these do not make up such images.
    public func imageShape(_ tokens: [Int], height: Int, width: Int) throws -> [Int] {
        let area = size * size
        guard tokens.count == 3, height % size == 0, width % size == 0,
            tokens[1] == height / size * (width / size), tokens[2] * run % area == 0
        else {
            throw TensorError.shape(
                operation: "patches", message: "\(Tensor.text(tokens)) are no tokens of \(height) × \(width) pixels")
        }
        return [tokens[0], height, width, tokens[2] * run / area]
    }
}
