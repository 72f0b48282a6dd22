import COneDNN
import Tensors

/// A layer's weights in the layouts that its primitives asked for: one copy a layout, usually one in all.
final class PackedWeights {
    private var copies: [(description: dnnl_memory_desc_t, storage: Storage)] = []

    /// The address of the weights in the layout `wanted`; packs them from f32 values at the first call.
    ///
    /// Later calls with another layout reorder the first copy, since the f32 values have been let go by then.
    /// - Parameter canReorder: false where the caller keeps the f32 values, and layouts have no way between them.
    func address(
        _ wanted: dnnl_memory_desc_t, _ context: Context, canReorder: Bool = true,
        floats: () throws -> (values: [Float], layout: [Int])
    ) throws -> UnsafeMutableRawPointer {
        var wanted = wanted
        for copy in copies {
            var description = copy.description
            if dnnl_memory_desc_equal(&description, &wanted) != 0 { return copy.storage.bytes }
        }
        let storage = try Storage(byteCount: dnnl_memory_desc_get_size(&wanted))
        if canReorder, let first = copies.first {
            let reorder = try Primitive("weights", reorder: first.description, to: wanted)
            try context.execute(
                reorder, [(DNNL_ARG_SRC, first.storage.bytes), (DNNL_ARG_DST, storage.bytes)], keeping: false)
        } else {
            let (values, strides) = try floats()
            let sizes = withUnsafeBytes(of: wanted.dims) { raw in
                Array(raw.bindMemory(to: Int64.self).prefix(Int(wanted.ndims))).map { Int($0) }
            }
            let plain = try OneDNN.description(sizes, strides: strides, .f32, "weights")
            let reorder = try Primitive("weights", reorder: plain, to: wanted)
            try values.withUnsafeBytes { source in
                guard let base = source.baseAddress else { return }
                try context.execute(
                    reorder,
                    [(DNNL_ARG_SRC, UnsafeMutableRawPointer(mutating: base)), (DNNL_ARG_DST, storage.bytes)],
                    keeping: false)
            }
        }
        copies.append((wanted, storage))
        return storage.bytes
    }

    /// Lets the copies go; their addresses are void.
    func removeAll() { copies = [] }
}
