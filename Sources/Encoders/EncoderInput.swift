import Imaging
import Threading
import Tensors

/// The common way of images into encoders.
enum EncoderInput {
    /// The results of `body` for `0 ..< count`, worked out several at a time.
    static func preprocess(_ count: Int, _ body: (Int) throws -> Tensor) throws -> [Tensor] {
        try Parallel.map(count) { index in
            try Cancellation.check()
            return try body(index)
        }.map { try $0.get() }
    }

    /// The images of a batch `[N, …]` as tensors that share its memory.
    /// - Throws: `TensorError.shape` for a scalar.
    static func images(_ batch: Tensor) throws -> [Tensor] {
        guard batch.rank > 0 else {
            throw TensorError.shape(operation: "images", message: "wanted [N, …], got a number")
        }
        let whole = try batch.contiguous()
        return try (0..<whole.shape[0]).map { try whole.select(0, $0) }
    }

    /// A contiguous image `[H, W, C]` as a batch of one that shares its memory.
    static func batch(of image: Tensor) throws -> Tensor {
        let shape = [1] + image.shape
        return try Tensor(
            storage: image.storage, dtype: image.dtype, shape: shape, strides: Tensor.contiguousStrides(shape),
            offset: image.offset)
    }

    /// Images of one shape and dtype as a batch `[N, …]`; one alone shares its memory.
    static func stack(_ images: ArraySlice<Tensor>) throws -> Tensor {
        guard let first = images.first else { throw TensorError.shape(operation: "stack", message: "no images") }
        if images.count == 1 { return try batch(of: first.contiguous()) }
        let result = try Tensor(uninitialized: [images.count] + first.shape, first.dtype)
        let bytes = first.count * first.dtype.size
        for (index, image) in images.enumerated() {
            let source = try image.contiguous()
            guard source.shape == first.shape, source.dtype == first.dtype else {
                throw TensorError.shape(
                    operation: "stack", message: "\(Tensor.text(source.shape)) beside \(Tensor.text(first.shape))")
            }
            (result.pointer + index * bytes).copyMemory(from: source.pointer, byteCount: bytes)
        }
        return result
    }

    /// Refuses what are no images `[H, W, 3]` of bytes or f32 with sides of at least so many pixels.
    /// - Throws: `TensorError`.
    static func check(_ images: [Tensor], side: Int, name: String) throws {
        for image in images {
            guard image.rank == 3, image.shape[2] == 3, image.shape[0] >= side, image.shape[1] >= side else {
                throw TensorError.shape(
                    operation: name,
                    message: "wanted images [H, W, 3] of at least \(side) × \(side), got \(Tensor.text(image.shape))")
            }
            guard image.dtype == .u8 || image.dtype == .f32 else {
                throw TensorError.dtype(operation: name, message: "wanted u8 or f32 images, got \(image.dtype)")
            }
        }
    }

    /// What `run` gives for images of one shape, `[n, …]`, of all images in their order.
    static func grouped(_ images: [Tensor], _ run: ([Tensor]) throws -> Tensor) throws -> Tensor {
        let groups = shapes(images)
        let results = try groups.map { places in try run(places.map { images[$0] }) }
        if results.count == 1 { return results[0] }
        let result = try Tensor(uninitialized: [images.count] + (results.first?.shape.dropFirst() ?? []))
        for (places, rows) in zip(groups, results) {
            for (row, place) in places.enumerated() { try result.select(0, place).assign(from: rows.select(0, row)) }
        }
        return result
    }

    /// The places of images, those of one shape together, in the order of the first of each.
    static func shapes(_ images: [Tensor]) -> [[Int]] {
        var places: [[Int]: Int] = [:]
        var groups: [[Int]] = []
        for (index, image) in images.enumerated() {
            if let place = places[image.shape] {
                groups[place].append(index)
            } else {
                places[image.shape] = groups.count
                groups.append([index])
            }
        }
        return groups
    }
}
