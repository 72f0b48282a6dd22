import Tensors

/// Working memory of a metric: uninitialised, counted with the tensors' storage, given back with the object.
final class Scratch<Element> {
    let pointer: UnsafeMutablePointer<Element>
    let count: Int
    private let storage: Storage

    /// Room for `rows * columns` elements.
    /// - Throws: `TensorError.outOfMemory` where the size overflows, passes the limit or is refused.
    init(_ rows: Int, _ columns: Int = 1) throws {
        let (count, overflow) = rows.multipliedReportingOverflow(by: columns)
        let (bytes, overflow2) = count.multipliedReportingOverflow(by: MemoryLayout<Element>.stride)
        if overflow || overflow2 { throw TensorError.outOfMemory(bytes: Int.max) }
        storage = try Storage(byteCount: bytes)
        pointer = storage.bytes.assumingMemoryBound(to: Element.self)
        self.count = count
    }

    /// Writes `value` everywhere.
    func fill(_ value: Element) { pointer.update(repeating: value, count: count) }

    /// The elements as a collection, valid while this object lives.
    var buffer: UnsafeMutableBufferPointer<Element> { UnsafeMutableBufferPointer(start: pointer, count: count) }
}
