import Foundation

/// What the markers of a JPEG say, after a walk over all of them up to the end of the image (ITU-T T.81, annex B).
/// The walk finds cut files and files with too many scans before any of them is decoded.
struct JPEGHeader {
    private(set) var width = 0
    private(set) var height = 0
    private(set) var components = 0

    private let name: String
    private var scans = 0

    /// Walks the markers of `bytes` from the start to EOI.
    /// - Throws: `ImageError.damaged`, `.unsupported` or `.overLimit`.
    init(_ bytes: UnsafeRawBufferPointer, name: String) throws {
        self.name = name
        var position = 2
        while true {
            guard position < bytes.count else { throw cut(bytes.count) }
            guard bytes[position] == 0xFF else {
                throw ImageError.damaged(name: name, reason: "byte \(position) should be a JPEG marker and is none")
            }
            while position < bytes.count, bytes[position] == 0xFF { position += 1 }
            guard position < bytes.count else { throw cut(bytes.count) }
            let marker = bytes[position]
            position += 1
            if marker == 0xD9 { break }
            if marker == 0x01 { continue }
            guard marker >= 0xC0, !(0xD0...0xD8).contains(marker) else {
                throw ImageError.damaged(
                    name: name,
                    reason: "the marker \(String(marker, radix: 16)) at byte \(position - 1) is out of place")
            }
            guard bytes.count - position >= 2 else { throw cut(bytes.count) }
            let length = Int(bytes[position]) << 8 | Int(bytes[position + 1])
            guard length >= 2 else {
                throw ImageError.damaged(name: name, reason: "the segment at byte \(position) states \(length) bytes")
            }
            guard length <= bytes.count - position else { throw cut(bytes.count) }
            try take(marker, UnsafeRawBufferPointer(rebasing: bytes[position + 2..<position + length]), bytes.count)
            position += length
            if marker == 0xDA { position = try endOfScan(bytes, position) }
        }
        guard scans > 0 else { throw ImageError.damaged(name: name, reason: "it ends before its first scan") }
    }

    private mutating func take(_ marker: UInt8, _ content: UnsafeRawBufferPointer, _ fileBytes: Int) throws {
        switch marker {
        case 0xC4, 0xC8, 0xCC:
            return
        case 0xC0...0xCF:
            try readFrame(marker, content, fileBytes)
        case 0xDA:
            guard components > 0 else { throw ImageError.damaged(name: name, reason: "a scan comes before the frame") }
            scans += 1
            guard scans <= ImageLimits.jpegScans else {
                throw ImageError.overLimit(
                    name: name, what: "number of JPEG scans", value: scans, limit: ImageLimits.jpegScans)
            }
        default:
            return
        }
    }

    private mutating func readFrame(_ marker: UInt8, _ content: UnsafeRawBufferPointer, _ fileBytes: Int) throws {
        guard components == 0 else { throw ImageError.damaged(name: name, reason: "it has two frame headers") }
        guard content.count >= 6 else { throw ImageError.damaged(name: name, reason: "its frame header is too short") }
        let kinds: [UInt8: String] = [
            0xC3: "lossless", 0xC5: "hierarchical", 0xC6: "hierarchical", 0xC7: "hierarchical",
        ]
        guard [0xC0, 0xC1, 0xC2, 0xC9, 0xCA].contains(marker) else {
            throw ImageError.unsupported(name: name, reason: "\(kinds[marker] ?? "this kind of") JPEG is not read")
        }
        guard content[0] == 8 else {
            throw ImageError.unsupported(name: name, reason: "JPEG with \(content[0]) bits a sample is not read")
        }
        height = Int(content[1]) << 8 | Int(content[2])
        width = Int(content[3]) << 8 | Int(content[4])
        components = Int(content[5])
        guard [1, 3, 4].contains(components) else {
            throw ImageError.unsupported(name: name, reason: "JPEG with \(components) components is not read")
        }
        try ImageLimits.check(
            name: name, width: width, height: height, bitsPerPixel: 8 * components, fileBytes: fileBytes)
    }

    /// The position of the marker that ends the scan whose entropy-coded data start at `start`.
    private func endOfScan(_ bytes: UnsafeRawBufferPointer, _ start: Int) throws -> Int {
        guard let base = bytes.baseAddress else { throw cut(bytes.count) }
        var position = start
        while position < bytes.count, let found = memchr(base + position, 0xFF, bytes.count - position) {
            position = UnsafeRawPointer(found) - base
            guard position + 1 < bytes.count else { break }
            let next = bytes[position + 1]
            // A stuffed zero, a restart marker or a fill byte: the data go on.
            if next == 0 || (0xD0...0xD7).contains(next) {
                position += 2
            } else if next == 0xFF {
                position += 1
            } else {
                return position
            }
        }
        throw cut(bytes.count)
    }

    private func cut(_ count: Int) -> ImageError {
        .damaged(name: name, reason: "the file ends after \(count) bytes, before the end of the image")
    }
}
