import Tensors

/// Decoding in overlapping tiles, as diffusers cuts and blends them.
public struct TiledDecoding {
    /// Cells of the latent that a tile is wide and high.
    let tile: Int
    /// From a tile's first cell to the next one's.
    let step: Int
    /// Pixels over which neighbours are blended.
    let blend: Int
    /// Pixels of a tile that are kept.
    let kept: Int

    /// f32 `[1, H, W, C]` for a latent `[1, h, w, c]`.
    func run(_ latent: Tensor, _ decode: (Tensor) throws -> Tensor) throws -> Tensor {
        var above: [Tensor] = []
        var bands: [Tensor] = []
        for top in stride(from: 0, to: latent.shape[1], by: step) {
            var row: [Tensor] = []
            var pieces: [Tensor] = []
            for left in stride(from: 0, to: latent.shape[2], by: step) {
                let part = try latent.narrow(1, top, min(tile, latent.shape[1] - top))
                    .narrow(2, left, min(tile, latent.shape[2] - left)).contiguous()
                // A tile of its own: the decoder's memory is used again, and the neighbours below and right need it.
                let piece = try decode(part).clone()
                if !above.isEmpty { try Self.blend(above[row.count], piece, axis: 1, extent: blend) }
                if let left = row.last { try Self.blend(left, piece, axis: 2, extent: blend) }
                row.append(piece)
                pieces.append(
                    try piece.narrow(1, 0, min(kept, piece.shape[1])).narrow(2, 0, min(kept, piece.shape[2])))
            }
            bands.append(try Tensor.cat(pieces, axis: 2))
            above = row
        }
        return try Tensor.cat(bands, axis: 1)
    }

    /// Fades the end of `before` into the begin of `after`, along an axis of `[1, H, W, C]`.
    private static func blend(_ before: Tensor, _ after: Tensor, axis: Int, extent: Int) throws {
        let extent = min(extent, before.shape[axis], after.shape[axis])
        guard extent > 0 else { return }
        let weights = (0..<extent).map { Float($0) / Float(extent) }
        let shape = (0..<4).map { $0 == axis ? extent : 1 }
        let end = try before.narrow(axis, before.shape[axis] - extent, extent)
        let begin = try after.narrow(axis, 0, extent)
        let faded = try Tensor.binary(.multiply, end, Tensor(weights.map { 1 - $0 }, shape: shape))
        let own = try Tensor.binary(.multiply, begin, Tensor(weights, shape: shape))
        try begin.assign(from: Tensor.binary(.add, faded, own))
    }
}
