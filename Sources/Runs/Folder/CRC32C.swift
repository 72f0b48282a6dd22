/// The Castagnoli checksum (polynomial 0x1EDC6F41, reflected; RFC 3720 appendix B.4) of journal and cache records.
public enum CRC32C {
    private static let table: [UInt32] = (0..<256).map { byte in
        var value = UInt32(byte)
        for _ in 0..<8 { value = value & 1 == 1 ? (value >> 1) ^ 0x82F6_3B78 : value >> 1 }
        return value
    }

    /// The checksum of some bytes; `start` is that of the bytes before them.
    public static func of(_ bytes: UnsafeRawBufferPointer, after start: UInt32 = 0) -> UInt32 {
        table.withUnsafeBufferPointer { table in
            var value = ~start
            for byte in bytes { value = table[Int(UInt8(truncatingIfNeeded: value) ^ byte)] ^ (value >> 8) }
            return ~value
        }
    }

    /// The checksum of some bytes.
    public static func of(_ bytes: [UInt8], after start: UInt32 = 0) -> UInt32 {
        bytes.withUnsafeBytes { of($0, after: start) }
    }
}
