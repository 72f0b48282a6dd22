import COneDNN
import Engine
import NetKernels
import Tensors

extension CPUExecution {
    /// Attention in tiles of queries: no `[heads, T, S]` matrix is ever whole in memory, and a tile's scores stay in a core's
    /// cache.
    public func attention(
        _ layer: Attention, query: Tensor, key: Tensor, value: Tensor, mask: Mask<Tensor>, cache: CPUCache?
    ) throws -> Tensor {
        let keys = (key.shape.count == 3 ? key.shape[1] : 0) + (cache?.length ?? 0)
        try layer.check(query: query, key: key, value: value, mask: mask, keys: keys)
        let (q, k, v) = (try convert(query, dtype), try convert(key, dtype), try convert(value, dtype))
        guard let cache else {
            return try AttentionTiles(layer, queries: q.shape[1], keys: keys, room: keys, mask, dtype)
                .run(q, k, v, self)
        }
        try cache.append(k, v)
        guard let all = cache.keys, let allValues = cache.values else { return q }
        if q.shape[1] == 1, case .causal = mask, layer.headSize % 16 == 0 {
            return try next(layer, q, all, allValues, keys: keys)
        }
        return try AttentionTiles(layer, queries: q.shape[1], keys: keys, room: cache.capacity, mask, dtype)
            .run(q, all, allValues, self)
    }

    /// Attention of one query a text, which stands at the last of the keys: these are read where they lie.
    private func next(_ layer: Attention, _ query: Tensor, _ key: Tensor, _ value: Tensor, keys: Int) throws -> Tensor {
        let result = try allocate(query.shape, dtype)
        let type = try dtype.netType("attention")
        let seen = min(keys, layer.window ?? keys)
        let shape = NetCachedAttention.Shape(
            keys: seen, heads: layer.heads, keyHeads: layer.keyHeads, headSize: layer.headSize, scale: layer.scale,
            softCap: layer.softCap)
        for text in 0..<query.shape[0] {
            let first = (text * key.shape[1] + keys - seen) * layer.keyChannels * dtype.size
            let own = text * layer.channels * dtype.size
            NetCachedAttention.run(
                query: query.pointer + own, key: key.pointer + first, value: value.pointer + first,
                result.pointer + own, type, shape, threads: threads > 1)
        }
        return result
    }

    /// An empty cache.
    public func cache() throws -> CPUCache { CPUCache() }
}

/// An attention over keys of one number, cut into tiles of queries and blocks of keys.
private struct AttentionTiles {
    /// Queries of one tile; its scores against some 1400 keys then fit in a core's cache.
    private static let tile = 64
    /// More keys than these are taken in blocks, each of which fits in a core's cache with a larger tile.
    private static let mostKeys = 1536
    private static let block = (queries: 128, keys: 512)
    /// Keys of a cache are taken in multiples of these, the last ones hidden: else each token would want operations of its own.
    private static let step = 64

    private let layer: Attention
    private let queries, keys, room, tile: Int
    private let blocks: [Range<Int>]
    private let mask: Mask<Tensor>
    private let dtype: DType

    /// - Parameter room: keys that there is memory for, `keys` or more.
    init(
        _ layer: Attention, queries: Int, keys: Int, room: Int, _ mask: Mask<Tensor>, _ dtype: DType
    ) throws {
        self.layer = layer
        (self.queries, self.keys, self.room, self.dtype) = (queries, keys, room, dtype)
        if case .bias(let bias) = mask { self.mask = .bias(try bias.contiguous().to(.f32)) } else { self.mask = mask }
        let taken = room > keys ? min(room, (keys + Self.step - 1) / Self.step * Self.step) : keys
        let isBlocked = taken > Self.mostKeys
        tile = isBlocked ? Self.block.queries : Self.tile
        let size = isBlocked ? Self.block.keys : taken
        blocks = stride(from: 0, to: taken, by: size).map { $0..<min($0 + size, taken) }
    }

    func run(_ query: Tensor, _ key: Tensor, _ value: Tensor, _ execution: CPUExecution) throws -> Tensor {
        let result = try execution.allocate(query.shape, dtype)
        let tilesPerHead = (queries + tile - 1) / tile
        let shared = layer.heads / layer.keyHeads
        for image in 0..<query.shape[0] {
            let packed = try (0..<layer.keyHeads * blocks.count).map { unit in
                try PackedBlock(
                    pack(.packedKeys, blocks[unit % blocks.count].count, execution),
                    pack(.packedValues, blocks[unit % blocks.count].count, execution), execution)
            }
            try execution.parallel(packed.count) { unit, execution in
                let block = packed[unit]
                let first = image * room + blocks[unit % blocks.count].lowerBound
                let offset = (first * layer.keyChannels + unit / blocks.count * layer.headSize) * dtype.size
                for (primitive, source, target) in [
                    (block.packKeys, key, block.keys), (block.packValues, value, block.values),
                ] {
                    try execution.execute(
                        primitive, [(DNNL_ARG_SRC, source.pointer + offset), (DNNL_ARG_DST, target.pointer)])
                }
            }
            try execution.parallel(layer.heads * tilesPerHead) { unit, execution in
                let head = unit / tilesPerHead
                let first = unit % tilesPerHead * tile
                let offset =
                    ((image * queries + first) * layer.channels + head * layer.headSize) * dtype.size
                let own = packed[head / shared * blocks.count..<(head / shared + 1) * blocks.count]
                try runTile(
                    Work(
                        image: image, head: head, first: first, rows: min(tile, queries - first), packed: Array(own)),
                    query.pointer + offset, result.pointer + offset, execution)
            }
        }
        return result
    }

    /// The keys and values of a block of one head, in the layouts that the products ask for, and how they come there.
    private struct PackedBlock {
        let packKeys, packValues: Primitive
        let keys, values: Tensor

        init(_ packKeys: Primitive, _ packValues: Primitive, _ execution: CPUExecution) throws {
            (self.packKeys, self.packValues) = (packKeys, packValues)
            func memory(_ primitive: Primitive) throws -> Tensor {
                var description = try primitive.description(DNNL_ARG_DST)
                return try execution.allocate([dnnl_memory_desc_get_size(&description)], .u8)
            }
            keys = try memory(packKeys)
            values = try memory(packValues)
        }
    }

    /// The queries of one tile, and all that they look at.
    private struct Work {
        let image, head, first, rows: Int
        let packed: [PackedBlock]
    }

    private func runTile(
        _ work: Work, _ query: UnsafeMutableRawPointer, _ result: UnsafeMutableRawPointer, _ execution: CPUExecution
    ) throws {
        let type = try dtype.netType("attention")
        let (rows, headSize) = (work.rows, layer.headSize)
        let scratch = try Scratch(
            blocks.reduce(0) { max($0, $1.count) }, headSize, tile, blocks.count > 1, dtype, execution)
        NetCopies.copyRows(
            query, stride: layer.channels * dtype.size, scratch.query.pointer, stride: headSize * dtype.size,
            rows: rows, rowBytes: headSize * dtype.size)
        let scores = Elementwise.floats(scratch.scores)
        let output = Elementwise.floats(scratch.output)
        let numbers = Elementwise.floats(scratch.numbers)
        let (factors, maxima, sums) = (numbers, numbers + tile, numbers + 2 * tile)
        for row in 0..<rows { (maxima[row], sums[row]) = (-.infinity, 0) }
        let total = scratch.total.map { Elementwise.floats($0) }
        total?.update(repeating: 0, count: rows * headSize)
        for (range, packed) in zip(blocks, work.packed) {
            let columns = range.count
            try execution.execute(
                product(.scores, rows, columns, execution),
                [
                    (DNNL_ARG_SRC, scratch.query.pointer), (DNNL_ARG_WEIGHTS, packed.keys.pointer),
                    (DNNL_ARG_DST, scratch.scores.pointer),
                ])
            let scale = mask(scores, work, range)
            if total == nil {
                NetSoftmax.exponentials(
                    scores, scratch.weights.pointer, type, rows: rows, columns: columns, stride: columns, scale: scale,
                    reciprocals: factors)
            } else {
                NetSoftmax.blockExponentials(
                    scores, scratch.weights.pointer, type, rows: rows, columns: columns, scale: scale, maxima: maxima,
                    sums: sums, factors: factors)
            }
            try execution.execute(
                product(.values, rows, columns, execution),
                [
                    (DNNL_ARG_SRC, scratch.weights.pointer), (DNNL_ARG_WEIGHTS, packed.values.pointer),
                    (DNNL_ARG_DST, scratch.output.pointer),
                ])
            if let total { NetSoftmax.accumulate(output, total, rows: rows, columns: headSize, factors: factors) }
        }
        if total != nil { for row in 0..<rows { factors[row] = 1 / sums[row] } }
        NetSoftmax.scaleRows(
            total ?? output, result, type, rows: rows, columns: headSize, targetStride: layer.channels,
            factors: factors)
    }

    /// Bends the scores of a tile, adds the bias, and gives hidden keys scores that the softmax makes 0 of.
    /// - Returns: the scale that is still to be applied.
    private func mask(_ scores: UnsafeMutablePointer<Float>, _ work: Work, _ range: Range<Int>) -> Float {
        var scale = layer.scale
        if let cap = layer.softCap {
            NetScores.bend(scores, scale: scale, cap: cap, count: work.rows * range.count)
            scale = 1
        }
        switch mask {
        case .none: break
        case .causal:
            // The last query stands at the last key.
            NetScores.hideOutside(
                scores, rows: work.rows, columns: range.count, firstPlace: work.first + keys - queries,
                firstColumn: range.lowerBound, window: layer.window)
        case .lengths(let lengths):
            NetScores.hide(
                scores, rows: work.rows, columns: range.count, from: lengths[work.image] - range.lowerBound)
        case .bias(let bias):
            let plane = (bias.shape[0] == 1 ? 0 : work.image) * bias.shape[1] + (bias.shape[1] == 1 ? 0 : work.head)
            NetScores.add(
                scores, rows: work.rows, columns: range.count, scale: scale,
                Elementwise.floats(bias) + (plane * queries + work.first) * keys + range.lowerBound, stride: keys,
                biasColumns: min(range.count, keys - range.lowerBound))
            scale = 1
        }
        if range.upperBound > keys {
            NetScores.hide(scores, rows: work.rows, columns: range.count, from: keys - range.lowerBound)
        }
        return scale
    }

    /// The memory of one tile.
    private struct Scratch {
        let query, scores, weights, output, numbers: Tensor
        /// The sum over blocks, where there are several.
        let total: Tensor?

        init(
            _ keys: Int, _ headSize: Int, _ tile: Int, _ isBlocked: Bool, _ dtype: DType, _ execution: CPUExecution
        ) throws {
            query = try execution.allocate([tile, headSize], dtype)
            // Softmax works on whole vectors and may touch what lies behind the last row.
            scores = try execution.allocate([tile * keys + 16], .f32)
            weights = dtype == .f32 ? scores : try execution.allocate([tile * keys + 16], dtype)
            output = try execution.allocate([tile, headSize], .f32)
            numbers = try execution.allocate([3 * tile], .f32)
            total = isBlocked ? try execution.allocate([tile, headSize], .f32) : nil
        }
    }

    private func product(
        _ part: AttentionShape.Part, _ rows: Int, _ keys: Int, _ execution: CPUExecution
    ) throws -> Primitive {
        try AttentionShape(
            part: part, rows: rows, keys: keys, tile: tile, headSize: layer.headSize, stride: 0, dtype: dtype
        ).primitive(execution.prepared)
    }

    private func pack(_ part: AttentionShape.Part, _ keys: Int, _ execution: CPUExecution) throws -> Primitive {
        try AttentionShape(
            part: part, rows: tile, keys: keys, tile: tile, headSize: layer.headSize, stride: layer.keyChannels,
            dtype: dtype
        ).primitive(execution.prepared)
    }
}

/// What an operation of an attention depends on.
package struct AttentionShape: Hashable {
    enum Part { case scores, values, packedKeys, packedValues }

    var part: Part
    /// Queries of the product, keys of the block, and queries of a whole tile, which the layout is chosen for.
    var rows, keys, tile: Int
    var headSize: Int
    /// Elements from a key to the next, before packing.
    var stride: Int
    var dtype: DType

    func primitive(_ prepared: Prepared) throws -> Primitive {
        try prepared.primitives.value(.attention(self)) {
            // One thread runs a tile, so that is what the layouts are chosen for.
            let before = cx_dnn_set_threads(1)
            defer { _ = cx_dnn_set_threads(before) }
            return try make(prepared)
        }
    }

    private func make(_ prepared: Prepared) throws -> Primitive {
        let name = "attention"
        var whole = self
        (whole.rows, whole.stride) = (tile, 0)
        switch part {
        case .scores, .values:
            let layout = rows == tile ? nil : try whole.primitive(prepared).description(DNNL_ARG_WEIGHTS)
            let (inner, columns) = part == .scores ? (headSize, keys) : (keys, headSize)
            return try product(inner, columns, layout)
        case .packedKeys:
            // The transposed keys are a matter of strides: element (channel, key) lies at key · stride + channel.
            whole.part = .scores
            return try Primitive(
                name, reorder: OneDNN.description([headSize, keys], strides: [1, stride], dtype, name),
                to: whole.primitive(prepared).description(DNNL_ARG_WEIGHTS))
        case .packedValues:
            whole.part = .values
            return try Primitive(
                name, reorder: OneDNN.description([keys, headSize], strides: [stride, 1], dtype, name),
                to: whole.primitive(prepared).description(DNNL_ARG_WEIGHTS))
        }
    }

    /// `[rows, inner]` times `[inner, columns]`, into f32.
    private func product(_ inner: Int, _ columns: Int, _ layout: dnnl_memory_desc_t?) throws -> Primitive {
        let name = "attention"
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
}
