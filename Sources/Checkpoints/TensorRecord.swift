import Files
import Synchronization
import Tensors

/// Where the bytes of a storage lie: in a mapped file, or in memory after decompression.
struct ByteRegion {
    let bytes: UnsafeRawBufferPointer
    /// What keeps the bytes alive.
    let owner: AnyObject
}

/// A tensor of a checkpoint that is known to lie within its storage but not read yet.
struct TensorRecord {
    let type: ElementType
    private(set) var shape: [Int]
    /// Strides and offset count elements of the region.
    let strides: [Int]
    private(set) var offset: Int
    let isBigEndian: Bool
    let region: ByteRegion
    /// What has to be true of the storage before its values are used.
    var check: StorageCheck?

    /// The number of elements; its product was checked when the record was made.
    var count: Int { shape.reduce(1, *) }

    /// Checks that the shape and its strides stay within the region.
    /// - Throws: a text for the caller to put a file and a tensor name before.
    init(
        type: ElementType, shape: [Int], strides: [Int], offset: Int, region: ByteRegion, isBigEndian: Bool = false
    ) throws {
        let available = region.bytes.count / type.size
        if let reason = TensorRecord.fault(shape: shape, strides: strides, offset: offset, available: available) {
            throw RecordFault(reason: reason)
        }
        (self.type, self.shape, self.strides, self.offset) = (type, shape, strides, offset)
        (self.region, self.isBigEndian) = (region, isBigEndian)
    }

    /// Some of its rows, which are there: a view of the same storage.
    func rows(_ first: Int, _ count: Int) -> TensorRecord {
        var part = self
        part.shape[0] = count
        part.offset += first * strides[0]
        return part
    }

    /// The most elements of a view that has more of them than its storage.
    private static let mostRepeated = 1 << 26

    /// What is wrong with a view of a storage of `available` elements, or nil.
    static func fault(shape: [Int], strides: [Int], offset: Int, available: Int) -> String? {
        guard shape.count <= Tensor.maximumRank else {
            return "\(shape.count) dimensions are more than \(Tensor.maximumRank)"
        }
        guard shape.count == strides.count else { return "\(shape.count) sizes but \(strides.count) strides" }
        guard offset >= 0 else { return "the offset \(offset) is negative" }
        guard !shape.contains(where: { $0 < 0 }) else { return "a size of \(Tensor.text(shape)) is negative" }
        guard !strides.contains(where: { $0 < 0 }) else { return "a stride of \(Tensor.text(strides)) is negative" }
        // Sizes multiply to an Int also where another size is zero, so that later products cannot overflow.
        var count = 1
        for size in shape where size > 1 {
            let (product, overflow) = count.multipliedReportingOverflow(by: size)
            if overflow { return "the shape \(Tensor.text(shape)) is too large" }
            count = product
        }
        guard count <= Int.max / 16 else { return "the shape \(Tensor.text(shape)) is too large" }
        guard offset <= available else {
            return "the offset \(offset) lies outside a storage of \(available) elements"
        }
        if shape.contains(0) { return nil }
        var last = offset
        for (size, stride) in zip(shape, strides) {
            let (reach, overflow) = stride.multipliedReportingOverflow(by: size - 1)
            let (sum, overflow2) = last.addingReportingOverflow(reach)
            if overflow || overflow2 { return "the strides \(Tensor.text(strides)) are too large" }
            last = sum
        }
        guard last < available else {
            return "the shape \(Tensor.text(shape)) with strides \(Tensor.text(strides)) at offset \(offset) reaches "
                + "element \(last) of a storage of \(available) elements"
        }
        // A stride of 0 would make gigabytes of a few bytes.
        guard count <= max(available, mostRepeated) else {
            return "the shape \(Tensor.text(shape)) repeats a storage of \(available) elements to \(count); views that "
                + "repeat elements have \(mostRepeated) at most"
        }
        return nil
    }

    /// The tensor: a view of the file's memory where byte order, type and alignment allow, else a copy.
    /// - Throws: `TensorError.outOfMemory`, or `RecordFault` where no dtype holds the values.
    func tensor() throws -> Tensor {
        guard let dtype = type.dtype else {
            throw RecordFault(reason: "\(type.rawValue) elements are not supported")
        }
        if count == 0 { return try Tensor(uninitialized: shape, dtype) }
        guard let base = region.bytes.baseAddress else { throw RecordFault(reason: "its storage is empty") }
        let isAligned = Int(bitPattern: base) % type.size == 0
        if type.isStoredAsDType && !isBigEndian && isAligned {
            let storage = Storage(
                borrowing: UnsafeMutableRawPointer(mutating: base), byteCount: region.bytes.count, owner: region.owner,
                mapping: (region.owner as? MappedFile)?.bytes)
            return try Tensor(storage: storage, dtype: dtype, shape: shape, strides: strides, offset: offset)
        }
        return try withExtendedLifetime(region.owner) { try copy(dtype) }
    }

    private func copy(_ dtype: DType) throws -> Tensor {
        let result = try Tensor(uninitialized: shape, dtype)
        let target = result.storage.bytes
        switch type {
        case .f64, .i64: fill(target) { (word: UInt64) in word }
        case .f32, .i32: fill(target) { (word: UInt32) in word }
        case .f16, .bf16: fill(target) { (word: UInt16) in word }
        case .u8: fill(target) { (byte: UInt8) in byte }
        case .bool: fill(target) { (byte: UInt8) in byte == 0 ? UInt8(0) : 1 }
        case .i8: fill(target) { (byte: UInt8) in Int32(Int8(bitPattern: byte)) }
        case .i16: fill(target) { (word: UInt16) in Int32(Int16(bitPattern: word)) }
        case .u16: fill(target) { (word: UInt16) in Int32(word) }
        case .u32: fill(target) { (word: UInt32) in Int64(word) }
        case .u64:
            var largest: UInt64 = 0
            fill(target) { (word: UInt64) -> UInt64 in
                largest = max(largest, word)
                return word
            }
            guard largest <= UInt64(Int64.max) else {
                throw RecordFault(reason: "the unsigned value \(largest) does not fit into i64")
            }
        case .f8e4m3: fill(target) { (byte: UInt8) in Float8.e4m3(byte) }
        case .f8e5m2: fill(target) { (byte: UInt8) in Float8.e5m2(byte) }
        case .complex64, .complex128: throw RecordFault(reason: "\(type.rawValue) elements are not supported")
        }
        return result
    }

    /// Writes the elements in row-major order through `convert`.
    private func fill<Word: FixedWidthInteger, Element>(_ target: UnsafeMutableRawPointer, _ convert: (Word) -> Element)
    {
        guard let base = region.bytes.baseAddress else { return }
        let output = target.assumingMemoryBound(to: Element.self)
        let inner = shape.last ?? 1
        let innerStride = (strides.last ?? 1) * MemoryLayout<Word>.size
        var index = [Int](repeating: 0, count: max(0, shape.count - 1))
        var position = offset
        var written = 0
        let total = count
        while written < total {
            var source = base.advanced(by: position * MemoryLayout<Word>.size)
            for step in 0..<inner {
                let word = source.loadUnaligned(as: Word.self)
                output[written + step] = convert(isBigEndian ? word.byteSwapped : word)
                if step + 1 < inner { source = source.advanced(by: innerStride) }
            }
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

/// The CRC-32 of a storage in a zip file, looked at once, when the first of its tensors is read.
final class StorageCheck {
    private let archive: ZipArchive
    private let entry: ZipArchive.Entry
    private let isChecked = Mutex(false)

    init(_ archive: ZipArchive, _ entry: ZipArchive.Entry) {
        self.archive = archive
        self.entry = entry
    }

    /// - Throws: `FileError.malformed` that names the entry, where it is damaged.
    func verify() throws {
        try isChecked.withLock { isChecked in
            if isChecked { return }
            _ = try archive.content(entry)
            isChecked = true
        }
    }
}

/// What is wrong with one tensor, before its file and name are put in front.
struct RecordFault: Error {
    let reason: String
}

/// The two 8-bit float formats of weights (OCP 8-bit floating point specification, revision 1.0).
enum Float8 {
    /// 4 exponent bits of bias 7, 3 fraction bits; no infinities.
    static func e4m3(_ byte: UInt8) -> Float {
        let exponent = Int(byte >> 3 & 15)
        let fraction = Float(byte & 7)
        if byte & 0x7F == 0x7F { return Float.nan }
        let magnitude =
            exponent == 0
            ? fraction * 0x1p-9 : Float(sign: .plus, exponent: exponent - 7, significand: 1 + fraction / 8)
        return byte & 0x80 == 0 ? magnitude : -magnitude
    }

    /// 5 exponent bits of bias 15, 2 fraction bits: the upper half of a binary16.
    static func e5m2(_ byte: UInt8) -> Float { Float(Float16(bitPattern: UInt16(byte) << 8)) }
}
