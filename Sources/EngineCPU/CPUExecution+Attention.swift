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
            return try AttentionTiles(layer, queries: q.shape[1], keys: keys, room: keys, mask, self)
                .run(q, k, v, self)
        }
        try cache.append(k, v)
        guard let all = cache.keys, let allValues = cache.values else { return q }
        if q.shape[1] == 1, case .causal = mask, layer.headSize % 16 == 0 {
            return try next(layer, q, all, allValues, keys: keys)
        }
        return try AttentionTiles(layer, queries: q.shape[1], keys: keys, room: cache.capacity, mask, self)
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

    private let layer: Attention
    private let queries, keys, room, tile: Int
    private let blocks: [Range<Int>]
    private let mask: Mask<Tensor>
    private let dtype: DType
    private let products: any AttentionProducts

    /// - Parameter room: keys that there is memory for, `keys` or more.
    init(
        _ layer: Attention, queries: Int, keys: Int, room: Int, _ mask: Mask<Tensor>, _ execution: CPUExecution
    ) throws {
        let dtype = execution.dtype
        self.layer = layer
        (self.queries, self.keys, self.room, self.dtype) = (queries, keys, room, dtype)
        if case .bias(let bias) = mask { self.mask = .bias(try bias.contiguous().to(.f32)) } else { self.mask = mask }
        let type = try dtype.netType("attention")
        let isFast = execution.prepared.usesOwnProducts && NetKeyPanels.serve(headSize: layer.headSize, type)
        let taken = isFast ? keys : LibraryProducts.keys(keys, room: room)
        let isBlocked = taken > Self.mostKeys
        tile = isBlocked ? Self.block.queries : Self.tile
        let size = isBlocked ? Self.block.keys : taken
        blocks = stride(from: 0, to: taken, by: size).map { $0..<min($0 + size, taken) }
        products =
            isFast
            ? PanelProducts(layer: layer, dtype: dtype)
            : LibraryProducts(tile: tile, headSize: layer.headSize, keyChannels: layer.keyChannels, dtype: dtype)
    }

    func run(_ query: Tensor, _ key: Tensor, _ value: Tensor, _ execution: CPUExecution) throws -> Tensor {
        let result = try execution.allocate(query.shape, dtype)
        let tilesPerHead = (queries + tile - 1) / tile
        let shared = layer.heads / layer.keyHeads
        for image in 0..<query.shape[0] {
            let packed = try (0..<layer.keyHeads * blocks.count).map { unit in
                try products.block(blocks[unit % blocks.count].count, execution)
            }
            try execution.parallel(packed.count) { unit, execution in
                let first = image * room + blocks[unit % blocks.count].lowerBound
                let offset = (first * layer.keyChannels + unit / blocks.count * layer.headSize) * dtype.size
                try packed[unit].pack(keys: key.pointer + offset, values: value.pointer + offset, execution)
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

    /// The queries of one tile, and all that they look at.
    private struct Work {
        let image, head, first, rows: Int
        let packed: [any AttentionBlock]
    }

    /// The keys that a tile sees, and more where its rows see different ones.
    private func seen(_ work: Work) -> Range<Int> {
        switch mask {
        case .causal:
            // The last query stands at the last key.
            let place = work.first + keys - queries
            return max(0, layer.window.map { place + 1 - $0 } ?? 0)..<place + work.rows
        case .lengths(let lengths): return 0..<lengths[work.image]
        case .none, .bias: return 0..<keys
        }
    }

    private func runTile(
        _ work: Work, _ query: UnsafeMutableRawPointer, _ result: UnsafeMutableRawPointer, _ execution: CPUExecution
    ) throws {
        let type = try dtype.netType("attention")
        let (rows, headSize, channels) = (work.rows, layer.headSize, products.channels)
        let scratch = try Scratch(
            blocks.reduce(0) { max($0, products.columns($1.count)) }, channels, tile, blocks.count > 1, dtype,
            execution)
        let tileQueries = try products.queries(
            query, stride: layer.channels * dtype.size, rows: rows, execution)
        let scores = Elementwise.floats(scratch.scores)
        let output = Elementwise.floats(scratch.output)
        let numbers = Elementwise.floats(scratch.numbers)
        let (factors, maxima, sums) = (numbers, numbers + tile, numbers + 2 * tile)
        for row in 0..<rows { (maxima[row], sums[row]) = (-.infinity, 0) }
        let total = scratch.total.map { Elementwise.floats($0) }
        total?.update(repeating: 0, count: rows * channels)
        let seen = seen(work)
        for (range, packed) in zip(blocks, work.packed) where range.overlaps(seen) {
            let columns = packed.columns(seen.upperBound - range.lowerBound)
            try packed.scores(tileQueries, rows: rows, columns: columns, scores, execution)
            let scale = mask(scores, work, range.lowerBound, columns)
            if total == nil {
                NetSoftmax.exponentials(
                    scores, scratch.weights.pointer, type, rows: rows, columns: columns, stride: columns, scale: scale,
                    reciprocals: factors)
            } else {
                NetSoftmax.blockExponentials(
                    scores, scratch.weights.pointer, type, rows: rows, columns: columns, scale: scale, maxima: maxima,
                    sums: sums, factors: factors)
            }
            try packed.sums(scratch.weights.pointer, rows: rows, columns: columns, output, execution)
            if let total { NetSoftmax.accumulate(output, total, rows: rows, columns: channels, factors: factors) }
        }
        if total != nil { for row in 0..<rows { factors[row] = 1 / sums[row] } }
        NetSoftmax.scaleRows(
            total ?? output, stride: channels, result, type, rows: rows, columns: headSize,
            targetStride: layer.channels, factors: factors)
    }

    /// Bends the scores of a tile with the keys from `first` on, adds the bias, and gives hidden keys scores that the softmax
    /// makes 0 of.
    /// - Returns: the scale that is still to be applied.
    private func mask(_ scores: UnsafeMutablePointer<Float>, _ work: Work, _ first: Int, _ columns: Int) -> Float {
        var scale = layer.scale
        if let cap = layer.softCap {
            NetScores.bend(scores, scale: scale, cap: cap, count: work.rows * columns)
            scale = 1
        }
        switch mask {
        case .none: break
        case .causal:
            NetScores.hideOutside(
                scores, rows: work.rows, columns: columns, firstPlace: work.first + keys - queries,
                firstColumn: first, window: layer.window)
        case .lengths(let lengths):
            NetScores.hide(scores, rows: work.rows, columns: columns, from: lengths[work.image] - first)
        case .bias(let bias):
            let plane = (bias.shape[0] == 1 ? 0 : work.image) * bias.shape[1] + (bias.shape[1] == 1 ? 0 : work.head)
            NetScores.add(
                scores, rows: work.rows, columns: columns, scale: scale,
                Elementwise.floats(bias) + (plane * queries + work.first) * keys + first, stride: keys,
                biasColumns: min(columns, keys - first))
            scale = 1
        }
        NetScores.cut(scores, rows: work.rows, columns: columns, from: keys - first)
        return scale
    }

    /// The memory of one tile.
    private struct Scratch {
        let scores, weights, output, numbers: Tensor
        /// The sum over blocks, where there are several.
        let total: Tensor?

        init(
            _ keys: Int, _ channels: Int, _ tile: Int, _ isBlocked: Bool, _ dtype: DType, _ execution: CPUExecution
        ) throws {
            // Softmax works on whole vectors and may touch what lies behind the last row.
            scores = try execution.allocate([tile * keys + 16], .f32)
            weights = dtype == .f32 ? scores : try execution.allocate([tile * keys + 16], dtype)
            output = try execution.allocate([tile, channels], .f32)
            numbers = try execution.allocate([3 * tile], .f32)
            total = isBlocked ? try execution.allocate([tile, channels], .f32) : nil
        }
    }
}
