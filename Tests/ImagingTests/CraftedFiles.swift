/// PNG and JPEG bytes made by hand, valid and not.

/// The CRC-32 of PNG chunks.
func crc32(_ bytes: [UInt8]) -> UInt32 {
    var crc: UInt32 = 0xFFFF_FFFF
    for byte in bytes {
        crc ^= UInt32(byte)
        for _ in 0..<8 { crc = crc & 1 == 1 ? crc >> 1 ^ 0xEDB8_8320 : crc >> 1 }
    }
    return ~crc
}

func bigEndian(_ value: UInt32) -> [UInt8] {
    [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: value >> UInt32($0)) }
}

func chunk(_ type: String, _ content: [UInt8] = []) -> [UInt8] {
    let body = Array(type.utf8) + content
    return bigEndian(UInt32(content.count)) + body + bigEndian(crc32(body))
}

func header(_ width: UInt32, _ height: UInt32, depth: UInt8 = 8, color: UInt8 = 0) -> [UInt8] {
    chunk("IHDR", bigEndian(width) + bigEndian(height) + [depth, color, 0, 0, 0])
}

/// A zlib stream of stored blocks.
func stored(_ bytes: [UInt8]) -> [UInt8] {
    var (low, high): (UInt32, UInt32) = (1, 0)
    for byte in bytes {
        low = (low + UInt32(byte)) % 65_521
        high = (high + low) % 65_521
    }
    var stream: [UInt8] = [0x78, 0x01]
    for start in stride(from: 0, to: bytes.count, by: 65_535) {
        let block = bytes[start..<min(bytes.count, start + 65_535)]
        let count = UInt16(block.count)
        stream.append(block.endIndex == bytes.count ? 1 : 0)
        for word in [count, ~count] {
            stream.append(UInt8(truncatingIfNeeded: word))
            stream.append(UInt8(truncatingIfNeeded: word >> 8))
        }
        stream += block
    }
    return stream + bigEndian(high << 16 | low)
}

let signature: [UInt8] = [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A]

/// A gray PNG of 4×3 pixels with `extra` chunks before its pixels.
func grayPNG(extra: [UInt8] = [], rows: [UInt8]? = nil) -> [UInt8] {
    let rows: [UInt8] = rows ?? [0, 1, 2, 3, 4, 0, 40, 41, 42, 43, 0, 80, 81, 82, 83]
    return signature + header(4, 3) + extra + chunk("IDAT", stored(rows)) + chunk("IEND")
}

/// The positions at which the chunks of a PNG start.
func chunkStarts(_ png: [UInt8]) -> [Int] {
    var starts: [Int] = []
    var position = 8
    while position + 12 <= png.count {
        starts.append(position)
        let length = png[position..<position + 4].reduce(0) { $0 << 8 | Int($1) }
        position += length + 12
    }
    return starts
}

/// The position of the first marker of a kind in a JPEG.
func markerStart(_ jpeg: [UInt8], _ marker: UInt8) -> Int? {
    (0..<jpeg.count - 1).first { jpeg[$0] == 0xFF && jpeg[$0 + 1] == marker }
}
