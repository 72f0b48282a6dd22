import COneDNN
import Kernels
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

    private struct Key: Hashable {
        var rows, keys, threads: Int
        var dtype: DType
    }
    private struct Tile {
        var scores: Primitive
        var values: Primitive
    }
    private struct PackKey: Hashable {
        var keys, stride: Int
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
        let queries = query.shape[1]
        let keys = key.shape[1]
        let pack = try packs.value(PackKey(keys: keys, stride: channels, dtype: dtype)) {
            try makePack(keys, dtype, context)
        }
        let scratch = try Scratch(pack.keyBytes, pack.valueBytes, keys, headSize, Self.tile, dtype, context)
        for image in 0..<query.shape[0] {
            for head in 0..<heads {
                let column = head * headSize
                let keyOffset = (image * keys * channels + column) * dtype.size
                try context.execute(
                    pack.key, [(DNNL_ARG_SRC, key.pointer + keyOffset), (DNNL_ARG_DST, scratch.key.pointer)])
                try context.execute(
                    pack.value, [(DNNL_ARG_SRC, value.pointer + keyOffset), (DNNL_ARG_DST, scratch.value.pointer)])
                var first = 0
                while first < queries {
                    let rows = min(Self.tile, queries - first)
                    let offset = ((image * queries + first) * channels + column) * dtype.size
                    try runTile(
                        first, rows, keys, query.pointer + offset, result.pointer + offset, scratch, context)
                    first += rows
                }
            }
        }
        return result
    }

    private func runTile(
        _ first: Int, _ rows: Int, _ keys: Int, _ query: UnsafeMutableRawPointer, _ result: UnsafeMutableRawPointer,
        _ scratch: Scratch, _ context: Context
    ) throws {
        let dtype = context.dtype
        let type = try dtype.netType(name)
        let channels = heads * headSize
        let tile = try tiles.value(Key(rows: rows, keys: keys, threads: context.threads, dtype: dtype)) {
            try makeTile(rows, keys, dtype)
        }
        NetConversion.copyRows(
            query, stride: channels * dtype.size, scratch.query.pointer, stride: headSize * dtype.size, rows: rows,
            rowBytes: headSize * dtype.size)
        try context.execute(
            tile.scores,
            [
                (DNNL_ARG_SRC, scratch.query.pointer), (DNNL_ARG_WEIGHTS, scratch.key.pointer),
                (DNNL_ARG_DST, scratch.scores.pointer),
            ])
        if isCausal { hideLaterKeys(first, rows, keys, scratch) }
        let reciprocals = scratch.reciprocals.pointer.assumingMemoryBound(to: Float.self)
        NetSoftmax.exponentials(
            scratch.scores.pointer.assumingMemoryBound(to: Float.self), scratch.weights.pointer, type, rows: rows,
            columns: keys, stride: keys, scale: 1 / Float(headSize).squareRoot(), reciprocals: reciprocals)
        try context.execute(
            tile.values,
            [
                (DNNL_ARG_SRC, scratch.weights.pointer), (DNNL_ARG_WEIGHTS, scratch.value.pointer),
                (DNNL_ARG_DST, scratch.output.pointer),
            ])
        NetSoftmax.scaleRows(
            scratch.output.pointer.assumingMemoryBound(to: Float.self), result, type, rows: rows, columns: headSize,
            targetStride: channels, factors: reciprocals)
    }

    /// Gives the keys behind each query scores that the softmax makes 0 of.
    private func hideLaterKeys(_ first: Int, _ rows: Int, _ keys: Int, _ scratch: Scratch) {
        let scores = scratch.scores.pointer.assumingMemoryBound(to: Float.self)
        for row in 0..<rows where first + row + 1 < keys {
            for key in first + row + 1..<keys { scores[row * keys + key] = -1e30 }
        }
    }

    /// The memory of one tile, and of one head's packed keys and values.
    private struct Scratch {
        let key, value, query, scores, weights, output, reciprocals: Tensor

        init(
            _ keyBytes: Int, _ valueBytes: Int, _ keys: Int, _ headSize: Int, _ tile: Int, _ dtype: DType,
            _ context: Context
        ) throws {
            key = try context.tensor([keyBytes], .u8)
            value = try context.tensor([valueBytes], .u8)
            query = try context.tensor([tile, headSize], dtype)
            // Softmax works on whole vectors and may touch what lies behind the last row.
            scores = try context.tensor([tile * keys + 16], .f32)
            weights = dtype == .f32 ? scores : try context.tensor([tile * keys + 16], dtype)
            output = try context.tensor([tile, headSize], .f32)
            reciprocals = try context.tensor([tile], .f32)
        }
    }

    /// Both products for a tile of `rows` queries; the packed operands have the layouts that the full tile asks for.
    private func makeTile(_ rows: Int, _ keys: Int, _ dtype: DType) throws -> Tile {
        let full = try products(Self.tile, keys, dtype, nil)
        if rows == Self.tile { return full }
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

    private func makePack(_ keys: Int, _ dtype: DType, _ context: Context) throws -> Pack {
        let channels = heads * headSize
        let tile = try tiles.value(Key(rows: Self.tile, keys: keys, threads: context.threads, dtype: dtype)) {
            try makeTile(Self.tile, keys, dtype)
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
