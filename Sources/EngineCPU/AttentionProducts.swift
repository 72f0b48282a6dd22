import COneDNN
import Engine
import NetKernels
import Tensors

/// Whose products an attention is made of.
protocol AttentionProducts {
    /// Channels of a sum of values: those of a head, and some more.
    var channels: Int { get }
    /// Columns of the scores of some keys: these, and some more.
    func columns(_ keys: Int) -> Int
    /// Memory for some keys and values of one head.
    func block(_ keys: Int, _ execution: CPUExecution) throws -> any AttentionBlock
    /// Queries of a tile as the products read them.
    func queries(
        _ queries: UnsafeMutableRawPointer, stride: Int, rows: Int, _ execution: CPUExecution
    ) throws -> TileQueries
}

/// Queries of one tile and head.
struct TileQueries {
    /// `[rows, headSize]`, rows `stride` bytes apart.
    let pointer: UnsafeMutableRawPointer
    let stride: Int
    /// Whose memory it is, where it is a copy.
    var copy: Tensor?
}

/// Keys and values of one head, packed for the products of attention.
protocol AttentionBlock {
    /// Packs them from where the first channel of the head lies.
    func pack(keys: UnsafeMutableRawPointer, values: UnsafeMutableRawPointer, _ execution: CPUExecution) throws
    /// Columns of the scores where only the first `wanted` keys matter.
    func columns(_ wanted: Int) -> Int
    /// Scores f32 `[rows, columns]`.
    func scores(
        _ queries: TileQueries, rows: Int, columns: Int, _ target: UnsafeMutablePointer<Float>,
        _ execution: CPUExecution
    ) throws
    /// Values weighed with `[rows, columns]`, f32 `[rows, channels]`.
    func sums(
        _ weights: UnsafeMutableRawPointer, rows: Int, columns: Int, _ target: UnsafeMutablePointer<Float>,
        _ execution: CPUExecution
    ) throws
}

/// Our own products.
struct PanelProducts: AttentionProducts {
    let layer: Attention
    let dtype: DType

    var channels: Int { NetKeyPanels.filled(layer.headSize) }
    func columns(_ keys: Int) -> Int { NetKeyPanels.filled(keys) }

    func block(_ keys: Int, _ execution: CPUExecution) throws -> any AttentionBlock {
        let panels = NetKeyPanels(keys: keys, headSize: layer.headSize, try dtype.netType("attention"))
        return Block(
            panels: panels, keys: try execution.allocate([panels.keyBytes], .u8),
            values: try execution.allocate([panels.valueBytes], .u8), stride: layer.keyChannels * dtype.size)
    }

    func queries(
        _ queries: UnsafeMutableRawPointer, stride: Int, rows: Int, _ execution: CPUExecution
    ) -> TileQueries { TileQueries(pointer: queries, stride: stride) }

    private struct Block: AttentionBlock {
        let panels: NetKeyPanels
        let keys, values: Tensor
        /// Bytes from a key to the next, before packing.
        let stride: Int

        func pack(keys: UnsafeMutableRawPointer, values: UnsafeMutableRawPointer, _ execution: CPUExecution) {
            panels.packKeys(keys, stride: stride, self.keys.pointer)
            panels.packValues(values, stride: stride, self.values.pointer)
        }

        func columns(_ wanted: Int) -> Int { panels.columns(wanted) }

        func scores(
            _ queries: TileQueries, rows: Int, columns: Int, _ target: UnsafeMutablePointer<Float>,
            _ execution: CPUExecution
        ) {
            panels.scores(
                queries.pointer, stride: queries.stride, rows: rows, keys.pointer, columns: columns, target)
        }

        func sums(
            _ weights: UnsafeMutableRawPointer, rows: Int, columns: Int, _ target: UnsafeMutablePointer<Float>,
            _ execution: CPUExecution
        ) { panels.sums(weights, rows: rows, values.pointer, columns: columns, target) }
    }
}

/// oneDNN's products.
struct LibraryProducts: AttentionProducts {
    let tile, headSize: Int
    /// Elements from a key to the next, before packing.
    let keyChannels: Int
    let dtype: DType

    /// Keys of a cache are taken in multiples of these, the last ones hidden: else each token would want operations of its own.
    private static let step = 64

    /// The keys that are taken of `keys` in memory for `room`.
    static func keys(_ keys: Int, room: Int) -> Int {
        room > keys ? min(room, (keys + step - 1) / step * step) : keys
    }

    var channels: Int { headSize }
    func columns(_ keys: Int) -> Int { keys }

    func block(_ keys: Int, _ execution: CPUExecution) throws -> any AttentionBlock {
        try Block(self, keys, execution)
    }

    func queries(
        _ queries: UnsafeMutableRawPointer, stride: Int, rows: Int, _ execution: CPUExecution
    ) throws -> TileQueries {
        let copy = try execution.allocate([tile, headSize], dtype)
        let bytes = headSize * dtype.size
        NetCopies.copyRows(queries, stride: stride, copy.pointer, stride: bytes, rows: rows, rowBytes: bytes)
        return TileQueries(pointer: copy.pointer, stride: bytes, copy: copy)
    }

    private func primitive(
        _ part: AttentionShape.Part, _ rows: Int, _ keys: Int, _ execution: CPUExecution
    ) throws -> Primitive {
        let isPacking = part == .packedKeys || part == .packedValues
        return try AttentionShape(
            part: part, rows: rows, keys: keys, tile: tile, headSize: headSize, stride: isPacking ? keyChannels : 0,
            dtype: dtype
        ).primitive(execution.prepared)
    }

    private struct Block: AttentionBlock {
        let products: LibraryProducts
        let count: Int
        let packKeys, packValues: Primitive
        let keys, values: Tensor

        init(_ products: LibraryProducts, _ count: Int, _ execution: CPUExecution) throws {
            self.products = products
            self.count = count
            packKeys = try products.primitive(.packedKeys, products.tile, count, execution)
            packValues = try products.primitive(.packedValues, products.tile, count, execution)
            func memory(_ primitive: Primitive) throws -> Tensor {
                var description = try primitive.description(DNNL_ARG_DST)
                return try execution.allocate([dnnl_memory_desc_get_size(&description)], .u8)
            }
            keys = try memory(packKeys)
            values = try memory(packValues)
        }

        func pack(
            keys: UnsafeMutableRawPointer, values: UnsafeMutableRawPointer, _ execution: CPUExecution
        ) throws {
            try execution.execute(packKeys, [(DNNL_ARG_SRC, keys), (DNNL_ARG_DST, self.keys.pointer)])
            try execution.execute(packValues, [(DNNL_ARG_SRC, values), (DNNL_ARG_DST, self.values.pointer)])
        }

        func columns(_ wanted: Int) -> Int { count }

        func scores(
            _ queries: TileQueries, rows: Int, columns: Int, _ target: UnsafeMutablePointer<Float>,
            _ execution: CPUExecution
        ) throws {
            try multiply(.scores, rows, columns, queries.pointer, keys, target, execution)
        }

        func sums(
            _ weights: UnsafeMutableRawPointer, rows: Int, columns: Int, _ target: UnsafeMutablePointer<Float>,
            _ execution: CPUExecution
        ) throws {
            try multiply(.values, rows, columns, weights, values, target, execution)
        }

        private func multiply(
            _ part: AttentionShape.Part, _ rows: Int, _ columns: Int, _ source: UnsafeMutableRawPointer,
            _ packed: Tensor, _ target: UnsafeMutablePointer<Float>, _ execution: CPUExecution
        ) throws {
            try execution.execute(
                products.primitive(part, rows, columns, execution),
                [
                    (DNNL_ARG_SRC, source), (DNNL_ARG_WEIGHTS, packed.pointer),
                    (DNNL_ARG_DST, UnsafeMutableRawPointer(target)),
                ])
        }
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
