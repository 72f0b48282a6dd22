import COneDNN
import NetKernels
import Tensors

/// Scaled dot-product attention, softmax(Q Kᵀ / √d) V for each head, in tiles of queries: no `[heads, T, T]` matrix is
/// ever whole in memory, and a tile's scores stay in a core's cache.
public final class ScaledDotProductAttention {
    let heads: Int
    let headSize: Int
    /// Whether a query sees only the keys up to its own place, as in models of text.
    let isCausal: Bool
    private let name: String
    /// Queries of one tile; its scores against some 1400 keys then fit in a core's cache.
    private static let tile = 64
    /// More keys than these are taken in blocks, each of which fits in a core's cache with a larger tile.
    private static let mostKeys = 1536
    private static let block = (queries: 128, keys: 512)

    private struct Key: Hashable {
        var rows, keys, tile: Int
        var dtype: DType
    }
    private struct Tile {
        var scores: Primitive
        var values: Primitive
    }
    private struct PackKey: Hashable {
        var keys, stride, tile: Int
        var dtype: DType
    }
    private struct Pack {
        var key: Primitive
        var value: Primitive
        var keyBytes: Int
        var valueBytes: Int
    }
    private let tiles = OnceCache<Key, Tile>()
    private let packs = OnceCache<PackKey, Pack>()

    /// - Throws: `TensorError.value` where `heads` does not divide `channels`.
    public init(_ name: String, channels: Int, heads: Int, isCausal: Bool = false) throws {
        guard heads > 0, channels > 0, channels % heads == 0 else {
            throw TensorError.value(operation: name, message: "\(heads) heads do not divide \(channels) channels")
        }
        self.name = name
        self.heads = heads
        self.isCausal = isCausal
        headSize = channels / heads
    }

    /// `[N, T, C]` for queries `[N, T, C]` and keys and values `[N, S, C]`, all in the context's dtype; heads are
    /// neighbouring channels.
    public func forward(query: Tensor, key: Tensor, value: Tensor, _ context: Context) throws -> Tensor {
        let channels = heads * headSize
        guard query.rank == 3, key.rank == 3, query.shape[2] == channels, key.shape[2] == channels,
            key.shape == value.shape, key.shape[0] == query.shape[0], query.count > 0, key.count > 0,
            query.isContiguous, key.isContiguous, value.isContiguous
        else {
            throw TensorError.shape(
                operation: name,
                message: "query \(Tensor.text(query.shape)), key \(Tensor.text(key.shape)), value "
                    + Tensor.text(value.shape))
        }
        guard !isCausal || query.shape[1] == key.shape[1] else {
            throw TensorError.shape(
                operation: name, message: "\(query.shape[1]) queries do not match \(key.shape[1]) keys one to one")
        }
        let dtype = context.dtype
        guard query.dtype == dtype, key.dtype == dtype, value.dtype == dtype else {
            throw TensorError.dtype(operation: name, message: "wanted \(dtype), got \(query.dtype)")
        }
        let result = try context.tensor(query.shape, dtype)
        let (queries, keys) = (query.shape[1], key.shape[1])
        let isBlocked = keys > Self.mostKeys
        let tile = isBlocked ? Self.block.queries : Self.tile
        let blocks = stride(from: 0, to: keys, by: isBlocked ? Self.block.keys : keys).map { first in
            first..<min(first + (isBlocked ? Self.block.keys : keys), keys)
        }
        let tilesPerHead = (queries + tile - 1) / tile
        for image in 0..<query.shape[0] {
            let packed = try (0..<heads * blocks.count).map { unit in
                try PackedBlock(pack(blocks[unit % blocks.count].count, tile, context), context)
            }
            try context.parallel(heads * blocks.count) { [self] unit, context in
                let range = blocks[unit % blocks.count]
                let pack = try pack(range.count, tile, context)
                let offset =
                    ((image * keys + range.lowerBound) * channels + unit / blocks.count * headSize) * dtype.size
                try context.execute(
                    pack.key, [(DNNL_ARG_SRC, key.pointer + offset), (DNNL_ARG_DST, packed[unit].key.pointer)])
                try context.execute(
                    pack.value, [(DNNL_ARG_SRC, value.pointer + offset), (DNNL_ARG_DST, packed[unit].value.pointer)])
            }
            try context.parallel(heads * tilesPerHead) { [self] unit, context in
                let head = unit / tilesPerHead
                let first = unit % tilesPerHead * tile
                let rows = min(tile, queries - first)
                let offset = ((image * queries + first) * channels + head * headSize) * dtype.size
                let own = Array(packed[head * blocks.count..<(head + 1) * blocks.count])
                try runTile(
                    Work(first: first, rows: rows, tile: tile, blocks: blocks, packed: own),
                    query.pointer + offset, result.pointer + offset, context)
            }
        }
        return result
    }

    /// The keys and values of a block of one head, in the layouts that the products ask for.
    private struct PackedBlock {
        let key, value: Tensor

        init(_ pack: Pack, _ context: Context) throws {
            key = try context.tensor([pack.keyBytes], .u8)
            value = try context.tensor([pack.valueBytes], .u8)
        }
    }

    /// The queries of one tile, and all that they look at.
    private struct Work {
        let first, rows, tile: Int
        let blocks: [Range<Int>]
        let packed: [PackedBlock]
    }

    private func runTile(
        _ work: Work, _ query: UnsafeMutableRawPointer, _ result: UnsafeMutableRawPointer, _ context: Context
    ) throws {
        let dtype = context.dtype
        let type = try dtype.netType(name)
        let channels = heads * headSize
        let rows = work.rows
        let scale = 1 / Float(headSize).squareRoot()
        let scratch = try Scratch(
            work.blocks.reduce(0) { max($0, $1.count) }, headSize, work.tile, work.blocks.count > 1, dtype, context)
        NetConversion.copyRows(
            query, stride: channels * dtype.size, scratch.query.pointer, stride: headSize * dtype.size, rows: rows,
            rowBytes: headSize * dtype.size)
        let scores = scratch.scores.pointer.assumingMemoryBound(to: Float.self)
        let output = scratch.output.pointer.assumingMemoryBound(to: Float.self)
        let numbers = scratch.numbers.pointer.assumingMemoryBound(to: Float.self)
        let (factors, maxima, sums) = (numbers, numbers + work.tile, numbers + 2 * work.tile)
        for row in 0..<rows { (maxima[row], sums[row]) = (-.infinity, 0) }
        let total = scratch.total?.pointer.assumingMemoryBound(to: Float.self)
        total?.update(repeating: 0, count: rows * headSize)
        for (range, packed) in zip(work.blocks, work.packed) {
            let keys = range.count
            let tile = try tiles.value(Key(rows: rows, keys: keys, tile: work.tile, dtype: dtype)) {
                try makeTile(rows, work.tile, keys, dtype)
            }
            try context.execute(
                tile.scores,
                [
                    (DNNL_ARG_SRC, scratch.query.pointer), (DNNL_ARG_WEIGHTS, packed.key.pointer),
                    (DNNL_ARG_DST, scratch.scores.pointer),
                ])
            if isCausal { hideLaterKeys(work.first, rows, range, scores) }
            if total == nil {
                NetSoftmax.exponentials(
                    scores, scratch.weights.pointer, type, rows: rows, columns: keys, stride: keys, scale: scale,
                    reciprocals: factors)
            } else {
                NetSoftmax.blockExponentials(
                    scores, scratch.weights.pointer, type, rows: rows, columns: keys, scale: scale, maxima: maxima,
                    sums: sums, factors: factors)
            }
            try context.execute(
                tile.values,
                [
                    (DNNL_ARG_SRC, scratch.weights.pointer), (DNNL_ARG_WEIGHTS, packed.value.pointer),
                    (DNNL_ARG_DST, scratch.output.pointer),
                ])
            if let total { NetSoftmax.accumulate(output, total, rows: rows, columns: headSize, factors: factors) }
        }
        if total != nil { for row in 0..<rows { factors[row] = 1 / sums[row] } }
        NetSoftmax.scaleRows(
            total ?? output, result, type, rows: rows, columns: headSize, targetStride: channels, factors: factors)
    }

    /// Gives the keys behind each query scores that the softmax makes 0 of.
    private func hideLaterKeys(_ first: Int, _ rows: Int, _ range: Range<Int>, _ scores: UnsafeMutablePointer<Float>) {
        let keys = range.count
        for row in 0..<rows {
            let next = max(0, first + row + 1 - range.lowerBound)
            for key in min(next, keys)..<keys { scores[row * keys + key] = -1e30 }
        }
    }

    /// The memory of one tile.
    private struct Scratch {
        let query, scores, weights, output, numbers: Tensor
        /// The sum over blocks, where there are several.
        let total: Tensor?

        init(
            _ keys: Int, _ headSize: Int, _ tile: Int, _ isBlocked: Bool, _ dtype: DType, _ context: Context
        ) throws {
            query = try context.tensor([tile, headSize], dtype)
            // Softmax works on whole vectors and may touch what lies behind the last row.
            scores = try context.tensor([tile * keys + 16], .f32)
            weights = dtype == .f32 ? scores : try context.tensor([tile * keys + 16], dtype)
            output = try context.tensor([tile, headSize], .f32)
            numbers = try context.tensor([3 * tile], .f32)
            total = isBlocked ? try context.tensor([tile, headSize], .f32) : nil
        }
    }

    /// Both products for a tile of `rows` queries; the packed operands have the layouts that the full tile asks for.
    private func makeTile(_ rows: Int, _ whole: Int, _ keys: Int, _ dtype: DType) throws -> Tile {
        let full = try products(whole, keys, dtype, nil)
        if rows == whole { return full }
        return try products(rows, keys, dtype, full)
    }

    private func products(_ rows: Int, _ keys: Int, _ dtype: DType, _ like: Tile?) throws -> Tile {
        Tile(
            scores: try product(rows, headSize, keys, dtype, try like?.scores.description(DNNL_ARG_WEIGHTS)),
            values: try product(rows, keys, headSize, dtype, try like?.values.description(DNNL_ARG_WEIGHTS)))
    }

    /// `[rows, inner]` times `[inner, columns]`, into f32.
    private func product(
        _ rows: Int, _ inner: Int, _ columns: Int, _ dtype: DType, _ layout: dnnl_memory_desc_t?
    ) throws -> Primitive {
        var source = try OneDNN.description([rows, inner], dtype, dnnl_ab, name)
        var weights = try layout ?? OneDNN.description([inner, columns], dtype, dnnl_format_tag_any, name)
        var target = try OneDNN.description([rows, columns], .f32, dnnl_ab, name)
        var description = dnnl_matmul_desc_t()
        try OneDNN.check(dnnl_matmul_desc_init(&description, &source, &weights, nil, &target), name)
        return try Primitive(
            name, &description, attributes: try Attributes(),
            arguments: [
                (DNNL_ARG_SRC, dnnl_query_src_md), (DNNL_ARG_WEIGHTS, dnnl_query_weights_md),
                (DNNL_ARG_DST, dnnl_query_dst_md),
            ])
    }

    private func pack(_ keys: Int, _ tile: Int, _ context: Context) throws -> Pack {
        let key = PackKey(keys: keys, stride: heads * headSize, tile: tile, dtype: context.dtype)
        return try packs.value(key) { try makePack(keys, tile, context.dtype) }
    }

    private func makePack(_ keys: Int, _ whole: Int, _ dtype: DType) throws -> Pack {
        let channels = heads * headSize
        // One thread runs a tile, so that is what the layouts are chosen for.
        let before = cx_dnn_set_threads(1)
        defer { _ = cx_dnn_set_threads(before) }
        let tile = try tiles.value(Key(rows: whole, keys: keys, tile: whole, dtype: dtype)) {
            try makeTile(whole, whole, keys, dtype)
        }
        var keyLayout = try tile.scores.description(DNNL_ARG_WEIGHTS)
        var valueLayout = try tile.values.description(DNNL_ARG_WEIGHTS)
        // The transposed keys are a matter of strides: element (channel, key) lies at key · channels + channel.
        let keySource = try OneDNN.description([headSize, keys], strides: [1, channels], dtype, name)
        let valueSource = try OneDNN.description([keys, headSize], strides: [channels, 1], dtype, name)
        return Pack(
            key: try Primitive(name, reorder: keySource, to: keyLayout),
            value: try Primitive(name, reorder: valueSource, to: valueLayout),
            keyBytes: dnnl_memory_desc_get_size(&keyLayout), valueBytes: dnnl_memory_desc_get_size(&valueLayout))
    }
}
