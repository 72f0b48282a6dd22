/// The texts that a pipeline encoded last, so that one that many pictures share is encoded once. Bounded: what was not
/// asked for the longest goes first.
public struct ConditioningCache {
    /// Bytes that it may hold.
    public let limit: Int
    /// How many texts were encoded so far.
    public private(set) var misses = 0
    private var entries: [String: (value: EncodedText, asked: Int)] = [:]
    private var bytes = 0
    private var clock = 0
    /// Where texts are kept between processes; nil keeps none.
    var store: ConditioningStore?

    /// An empty cache of at most `limit` bytes.
    public init(limit: Int = 64 << 20) { self.limit = limit }

    /// Whether the texts of some keys fill it: one of them had no room, or another of their size would push one out.
    public func isFull(with keys: some Collection<String>) -> Bool {
        let sizes = keys.compactMap { entries[$0]?.value.conditioning.byteCount }
        return sizes.count < keys.count || sizes.reduce(0, +) + (sizes.max() ?? 0) > limit
    }

    /// The encoded text of a key; `encode` makes it where it is not there.
    /// - Throws: what `encode` throws; `FileError` where the store cannot be written.
    public mutating func value(_ key: String, _ encode: () throws -> EncodedText) throws -> EncodedText {
        clock += 1
        if let found = entries[key]?.value {
            entries[key]?.asked = clock
            return found
        }
        let made = try kept(key, encode)
        let size = made.conditioning.byteCount
        if size > limit { return made }
        while bytes + size > limit, let oldest = entries.min(by: { $0.value.asked < $1.value.asked }) {
            bytes -= oldest.value.value.conditioning.byteCount
            entries[oldest.key] = nil
        }
        entries[key] = (made, clock)
        bytes += size
        return made
    }

    /// Sees to it that the store has the text of a key, and holds it nowhere else: of many texts memory has one.
    /// - Parameter isFirst: whether it is kept where there is no room for it, too.
    /// - Returns: whether it is there; false where there is no room.
    /// - Throws: as `value`.
    mutating func keep(_ key: String, isFirst: Bool, _ encode: () throws -> EncodedText) throws -> Bool {
        guard let isThere = store?.has(key), !isThere else { return true }
        guard store?.makeRoom(for: key) == true || isFirst else { return false }
        let text = try entries[key]?.value ?? encoded(encode)
        try store?.write(key, text)
        return true
    }

    /// The text of the store, or a new one, which the store then has where it has room.
    private mutating func kept(_ key: String, _ encode: () throws -> EncodedText) throws -> EncodedText {
        if let found = store?.read(key) { return found }
        let made = try encoded(encode)
        if store?.hasRoom(for: key) == true { try store?.write(key, made) }
        return made
    }

    private mutating func encoded(_ encode: () throws -> EncodedText) throws -> EncodedText {
        let made = try encode()
        misses += 1
        return made
    }
}
