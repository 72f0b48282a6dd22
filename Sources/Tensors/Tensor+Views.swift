extension Tensor {
    /// This tensor where it is contiguous, else a contiguous copy.
    public func contiguous() throws -> Tensor { isContiguous ? self : try clone() }

    /// A contiguous copy with its own storage.
    public func clone() throws -> Tensor {
        let result = try Tensor(uninitialized: shape, dtype)
        let total = count
        if total == 0 { return result }
        if isContiguous {
            result.storage.bytes.copyMemory(from: pointer, byteCount: total * dtype.size)
            return result
        }
        switch dtype.size {
        case 8: copyStrided(to: result.pointer.assumingMemoryBound(to: UInt64.self))
        case 4: copyStrided(to: result.pointer.assumingMemoryBound(to: UInt32.self))
        case 2: copyStrided(to: result.pointer.assumingMemoryBound(to: UInt16.self))
        default: copyStrided(to: result.pointer.assumingMemoryBound(to: UInt8.self))
        }
        return result
    }

    /// Copies the elements in row-major order, innermost dimension as a tight loop.
    private func copyStrided<Word>(to target: UnsafeMutablePointer<Word>) {
        let source = storage.bytes.assumingMemoryBound(to: Word.self)
        let inner = shape.last ?? 1
        let innerStride = strides.last ?? 1
        var index = [Int](repeating: 0, count: max(0, shape.count - 1))
        var position = offset
        var written = 0
        let total = count
        while written < total {
            for step in 0..<inner { target[written + step] = source[position + step * innerStride] }
            written += inner
            var axis = index.count - 1
            while axis >= 0 {
                index[axis] += 1
                position += strides[axis]
                if index[axis] < shape[axis] { break }
                position -= strides[axis] * shape[axis]
                index[axis] = 0
                axis -= 1
            }
        }
    }
}
