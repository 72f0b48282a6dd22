import Files
import Foundation
import Tensors

/// The file of `Moments`: a magic word with the version, dimension, count and numbers of planes as little-endian 64-bit
/// integers, the ranges of the columns (where there are rows), the planes, and the SHA-256 of all that. Equal sets give
/// equal files, however they were merged.
extension Moments {
    private static let magic = Array("CHXMOM02".utf8)
    private static let headerBytes = 40
    private static let hashBytes = 32

    /// Writes the moments to `path`, whole or not at all.
    /// - Throws: `FileError.unwritable`.
    public func save(_ path: String) throws {
        let sums = try currentSums()
        var header = Moments.magic
        for number in [dimension, count, sums.products.count, sums.sums.count] {
            header.append(contentsOf: withUnsafeBytes(of: UInt64(number).littleEndian) { Array($0) })
        }
        var hash = SHA256()
        try AtomicFile.write(path) { writer in
            try writer.write(header)
            header.withUnsafeBytes { hash.update($0) }
            if let ranges {
                let bytes = UnsafeRawBufferPointer(UnsafeBufferPointer(ranges.values.buffer))
                hash.update(bytes)
                try writer.write(bytes)
            }
            for plane in sums.products + sums.sums {
                let bytes = UnsafeRawBufferPointer(UnsafeBufferPointer(plane.buffer))
                hash.update(bytes)
                try writer.write(bytes)
            }
            try writer.write(hash.bytes())
        }
    }

    /// Reads moments that `save` wrote.
    /// - Throws: `FileError` where the file is missing, is no file of moments, has another size than its header says, or
    ///   does not match its hash.
    public static func load(_ path: String) throws -> Moments {
        let file = try MappedFile(path)
        let bytes = file.bytes
        func malformed(_ reason: String) -> FileError {
            FileError.malformed(path: path, location: "", reason: reason)
        }
        guard bytes.count >= headerBytes + hashBytes, bytes.prefix(magic.count).elementsEqual(magic) else {
            throw malformed("this is no file of moments (or of another version)")
        }
        let numbers = (0..<4).map { bytes.loadUnaligned(fromByteOffset: 8 + 8 * $0, as: UInt64.self).littleEndian }
        guard let dimension = Int(exactly: numbers[0]), let count = Int(exactly: numbers[1]),
            dimension >= 1, dimension <= 1 << 30, count < rowLimit, numbers[2] <= 15, numbers[3] <= 8,
            let packed = ExactSums.packedCount(dimension)
        else { throw malformed("the header's numbers are out of range") }
        let (productPlanes, sumPlanes) = (Int(numbers[2]), Int(numbers[3]))
        let (products, overflow) = packed.multipliedReportingOverflow(by: 8 * productPlanes)
        let (wanted, overflow2) = products.addingReportingOverflow(
            8 * sumPlanes * dimension + (count > 0 ? 24 * dimension : 0) + headerBytes + hashBytes)
        guard !overflow, !overflow2, wanted == bytes.count else {
            throw malformed("the header promises another size than \(bytes.count) bytes; the file may be cut short")
        }
        let consistent = count == 0 ? productPlanes == 0 && sumPlanes == 0 : productPlanes >= 3 && sumPlanes >= 2
        guard consistent else { throw malformed("the header's numbers contradict each other") }
        var hash = SHA256()
        hash.update(UnsafeRawBufferPointer(rebasing: bytes[0..<wanted - hashBytes]))
        guard hash.bytes().elementsEqual(bytes[(wanted - hashBytes)...]) else {
            throw malformed("the content does not match its hash; the file is damaged")
        }
        var offset = headerBytes
        func take(_ elements: Int, to target: UnsafeMutableRawPointer) {
            if let base = bytes.baseAddress { target.copyMemory(from: base + offset, byteCount: 8 * elements) }
            offset += 8 * elements
        }
        func plane(_ elements: Int) throws -> Scratch<Int64> {
            let result = try Scratch<Int64>(elements)
            take(elements, to: UnsafeMutableRawPointer(result.pointer))
            return result
        }
        let ranges = count > 0 ? try ColumnRanges(dimension: dimension) : nil
        if let ranges { take(3 * dimension, to: UnsafeMutableRawPointer(ranges.values.pointer)) }
        let productScratch = try (0..<productPlanes).map { _ in try plane(packed) }
        let sumScratch = try (0..<sumPlanes).map { _ in try plane(dimension) }
        return Moments(
            sums: ExactSums(dimension: dimension, sums: sumScratch, products: productScratch), ranges: ranges,
            count: count)
    }
}
