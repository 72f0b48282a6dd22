import Files

/// Values as bytes, exactly: every bit of a float and every byte of a string comes back. Used by the journal.
enum ConfigCoding {
    /// What is wrong with the bytes.
    struct DecodingError: Error {}

    private static let depthLimit = 256

    /// A value's bytes: a tag, then the payload; counts and lengths are 64-bit, little-endian.
    static func encode(_ value: JSON) -> [UInt8] {
        var out: [UInt8] = []
        append(value, to: &out)
        return out
    }

    private static func append(_ value: JSON, to out: inout [UInt8]) {
        switch value {
        case .null: out.append(0)
        case .boolean(let value): out.append(value ? 2 : 1)
        case .integer(let value):
            out.append(3)
            append(UInt64(bitPattern: Int64(value)), to: &out)
        case .number(let value):
            out.append(4)
            append(value.bitPattern, to: &out)
        case .string(let text):
            out.append(5)
            append(text, to: &out)
        case .array(let elements):
            out.append(6)
            append(UInt64(elements.count), to: &out)
            for element in elements { append(element, to: &out) }
        case .object(let entries):
            out.append(7)
            append(UInt64(entries.count), to: &out)
            for entry in entries {
                append(entry.key, to: &out)
                append(entry.value, to: &out)
            }
        }
    }

    private static func append(_ text: String, to out: inout [UInt8]) {
        append(UInt64(text.utf8.count), to: &out)
        out.append(contentsOf: text.utf8)
    }

    private static func append(_ number: UInt64, to out: inout [UInt8]) {
        withUnsafeBytes(of: number.littleEndian) { out.append(contentsOf: $0) }
    }

    /// The value of bytes that `encode` made.
    /// - Throws: `DecodingError` where they are something else.
    static func decode(_ bytes: [UInt8]) throws -> JSON {
        var reader = Reader(bytes: bytes)
        let value = try reader.value(depth: 0)
        guard reader.index == bytes.count else { throw DecodingError() }
        return value
    }

    private struct Reader {
        let bytes: [UInt8]
        var index = 0

        mutating func value(depth: Int) throws -> JSON {
            guard depth < depthLimit, index < bytes.count else { throw DecodingError() }
            index += 1
            switch bytes[index - 1] {
            case 0: return .null
            case 1: return .boolean(false)
            case 2: return .boolean(true)
            case 3: return .integer(Int(Int64(bitPattern: try number())))
            case 4: return .number(Double(bitPattern: try number()))
            case 5: return .string(try text())
            case 6:
                let count = try self.count()
                var elements: [JSON] = []
                for _ in 0..<count { elements.append(try value(depth: depth + 1)) }
                return .array(elements)
            case 7:
                let count = try self.count()
                var entries: [(key: String, value: JSON)] = []
                for _ in 0..<count { entries.append((key: try text(), value: try value(depth: depth + 1))) }
                return .object(entries)
            default: throw DecodingError()
            }
        }

        mutating func number() throws -> UInt64 {
            guard bytes.count - index >= 8 else { throw DecodingError() }
            var value: UInt64 = 0
            for offset in 0..<8 { value |= UInt64(bytes[index + offset]) << UInt64(8 * offset) }
            index += 8
            return value
        }

        /// A count of bytes or elements, of which each takes at least one byte.
        mutating func count() throws -> Int {
            guard let count = Int(exactly: try number()), count <= bytes.count - index else { throw DecodingError() }
            return count
        }

        mutating func text() throws -> String {
            let count = try self.count()
            let slice = bytes[index..<index + count]
            index += count
            return String(decoding: slice, as: UTF8.self)
        }
    }
}
