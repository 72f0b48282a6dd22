import Files

/// A SentencePiece model as its file (`spiece.model`, `tokenizer.model`: the message `ModelProto`) has it.
struct SentencePieceModel {
    /// How texts are cut.
    enum Kind: Int {
        case unigram = 1
        case bytePair = 2
    }

    /// What a piece is.
    enum PieceType: Int {
        case normal = 1
        case unknown, control, userDefined, unused, byte

        /// Whether texts may be cut into such pieces.
        var isOfTexts: Bool { self == .normal || self == .userDefined || self == .unused }
    }

    struct Piece {
        var text: [UInt8] = []
        var score: Float = 0
        var type = PieceType.normal
    }

    /// The largest file that is read; the largest in use (Gemma's) has 4 MB.
    static let fileLimit = 16 << 20
    /// The most pieces; Gemma's largest vocabulary has 262,144.
    private static let mostPieces = 1 << 19
    /// The longest piece in bytes: a bound on the work for each byte of a text.
    static let longestPiece = 1024

    /// The pieces by id.
    private(set) var pieces: [Piece] = []
    private(set) var kind = Kind.unigram
    private(set) var hasByteFallback = false
    private(set) var treatsSpaceAsSuffix = false
    /// `unk_id` and `unk_piece` of the trainer's part, which need not be those of the piece that is unknown.
    private(set) var statedUnknownID = 0
    private(set) var unknownPiece = Array("<unk>".utf8)
    /// What a decoded text has for an unknown token.
    private(set) var unknownSurface = Array(" \u{2047} ".utf8)
    /// The rules of the normaliser, where it has any.
    private(set) var characters: CharacterMap?
    /// Whether a space is put before a text.
    var addsDummyPrefix = true
    private(set) var removesExtraSpaces = true
    private(set) var escapesSpaces = true
    /// The id of the piece of the type unknown.
    private(set) var unknownID = 0
    /// The ids of the pieces for single bytes, where the model has them.
    private(set) var byteIDs: [Int] = []

    let path: String

    /// Reads a file.
    /// - Throws: `FileError` for one that is missing, too large, cut off, damaged, or that states what cannot be.
    init(path: String) throws {
        try self.init(Array(FileReader.data(path, limit: Self.fileLimit)), path: path)
    }

    init(_ bytes: [UInt8], path: String) throws {
        self.path = path
        var reader = ProtobufReader(bytes, path: path)
        var offsets: [Int] = []
        var hasTrainer = false
        var hasNormalizer = false
        while let field = try reader.next() {
            switch field.number {
            case 1:
                guard pieces.count < Self.mostPieces else {
                    throw reader.fault(field.offset, "more pieces than the limit of \(Self.mostPieces)")
                }
                pieces.append(try Self.piece(reader.message(try reader.range(field)), field.offset))
                offsets.append(field.offset)
            case 2:
                hasTrainer = true
                try readTrainer(reader.message(try reader.range(field)))
            case 3:
                hasNormalizer = true
                try readNormalizer(reader.message(try reader.range(field)))
            default: break
            }
        }
        // The trainer's and the normaliser's part end the file: without them it was cut between two pieces.
        guard hasTrainer, hasNormalizer else {
            throw reader.fault(
                bytes.count,
                "the model has no \(hasTrainer ? "normalizer_spec" : "trainer_spec"): the file is cut off, or is no "
                    + "SentencePiece model")
        }
        try check(reader, offsets)
    }

    private static func piece(_ message: ProtobufReader, _ offset: Int) throws -> Piece {
        var reader = message
        var piece = Piece()
        while let field = try reader.next() {
            switch field.number {
            case 1: piece.text = try reader.text(field)
            case 2: piece.score = try reader.float(field)
            case 3:
                let number = try reader.integer(field)
                guard let type = PieceType(rawValue: number) else {
                    throw reader.fault(field.offset, "\(number) is no type of a piece")
                }
                piece.type = type
            default: break
            }
        }
        if piece.text.isEmpty { throw reader.fault(offset, "a piece is empty") }
        if piece.text.contains(0) { throw reader.fault(offset, "a piece holds a null character") }
        guard piece.text.count <= longestPiece else {
            throw reader.fault(
                offset, "a piece of \(piece.text.count) bytes is longer than the limit of \(longestPiece)")
        }
        return piece
    }

    private mutating func readTrainer(_ message: ProtobufReader) throws {
        var reader = message
        while let field = try reader.next() {
            switch field.number {
            case 3:
                let number = try reader.integer(field)
                guard let kind = Kind(rawValue: number) else {
                    throw reader.fault(
                        field.offset,
                        "the model type \(number) is not supported: wanted 1 (unigram) or 2 (byte-pair encoding)")
                }
                self.kind = kind
            case 24: treatsSpaceAsSuffix = try reader.boolean(field)
            case 35: hasByteFallback = try reader.boolean(field)
            case 40: statedUnknownID = try reader.integer(field)
            case 44: unknownSurface = try reader.text(field)
            case 45: unknownPiece = try reader.text(field)
            default: break
            }
        }
    }

    private mutating func readNormalizer(_ message: ProtobufReader) throws {
        var reader = message
        while let field = try reader.next() {
            switch field.number {
            case 2:
                let range = try reader.range(field)
                characters =
                    range.isEmpty ? nil : try CharacterMap(reader.bytes[range], path: path, offset: range.lowerBound)
            case 3: addsDummyPrefix = try reader.boolean(field)
            case 4: removesExtraSpaces = try reader.boolean(field)
            case 5: escapesSpaces = try reader.boolean(field)
            default: break
            }
        }
    }

    /// What SentencePiece itself refuses.
    private mutating func check(_ reader: ProtobufReader, _ offsets: [Int]) throws {
        var known: [[Bool]: Set<[UInt8]>] = [:]
        var unknown: Int?
        var bytes = [Int](repeating: -1, count: 256)
        for (id, piece) in pieces.enumerated() {
            func fault(_ reason: String) -> FileError {
                reader.fault(
                    offsets[id], "the piece \(id), \"\(String(decoding: piece.text, as: UTF8.self))\", \(reason)")
            }
            guard known[[piece.type.isOfTexts], default: []].insert(piece.text).inserted else {
                throw fault("stands there already")
            }
            switch piece.type {
            case .unknown:
                if let unknown { throw fault("is unknown, as \(unknown) is already") }
                unknown = id
            case .byte:
                guard hasByteFallback else { throw fault("is a byte, but byte_fallback is false") }
                guard let byte = Self.byte(piece.text) else { throw fault("is no byte: wanted <0x00> to <0xFF>") }
                bytes[Int(byte)] = id
            default: break
            }
        }
        guard let unknown else { throw reader.fault(reader.bytes.count, "no piece is of the type unknown") }
        unknownID = unknown
        if hasByteFallback {
            if let missing = bytes.firstIndex(of: -1) {
                throw reader.fault(
                    reader.bytes.count, "byte_fallback is true, but the byte \(missing) has no piece")
            }
            byteIDs = bytes
        }
    }

    /// The byte that a piece such as `<0x0A>` stands for.
    static func byte(_ text: [UInt8]) -> UInt8? {
        guard text.count == 6, text.starts(with: Array("<0x".utf8)), text[5] == UInt8(ascii: ">") else { return nil }
        func digit(_ letter: UInt8) -> UInt8? {
            switch letter {
            case 0x30...0x39: return letter - 0x30
            case 0x41...0x46: return letter - 0x37
            default: return nil
            }
        }
        guard let high = digit(text[3]), let low = digit(text[4]) else { return nil }
        return high << 4 | low
    }

    /// The piece of a byte.
    static func piece(_ byte: UInt8) -> [UInt8] {
        let digits = Array("0123456789ABCDEF".utf8)
        return Array("<0x".utf8) + [digits[Int(byte >> 4)], digits[Int(byte & 15)], UInt8(ascii: ">")]
    }
}
