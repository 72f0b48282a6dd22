import CYAML

/// Builds the nodes of one document from libyaml's events, within the limits of `YAML.Limits`.
///
/// libyaml delivers events without recursion and leaves aliases alone, so that depth and size are counted here.
struct YAMLComposer {
    private let name: String
    private let parser: YAMLEvents
    private var anchors: [String: YAMLNode?] = [:]
    private var nodes = 0
    private var aliases = 0

    init(bytes: UnsafeRawBufferPointer, name: String) throws {
        self.name = name
        parser = try YAMLEvents(bytes: bytes, name: name)
    }

    /// The only document of the text; an empty text is a null.
    mutating func document() throws -> YAMLNode {
        var root = YAMLNode(.scalar(.null), at: YAMLNode.Place(name: name, line: 1, column: 1))
        var documents = 0
        while true {
            let event = try parser.next()
            switch event.kind {
            case .streamEnd: return root
            case .documentStart:
                documents += 1
                if documents > 1 { throw error(event, "a second document begins here; only one is allowed") }
                root = try node(try parser.next(), depth: 0)
            default: break
            }
        }
    }

    private func error(_ event: YAMLEvents.Event, _ message: String) -> YAMLError {
        YAMLError(location: event.place.description, message: message)
    }

    private mutating func count(_ event: YAMLEvents.Event, _ added: Int) throws {
        nodes += added
        guard nodes <= YAML.Limits.nodes else {
            throw error(event, "more than \(YAML.Limits.nodes) values, those of aliases counted each time")
        }
    }

    private mutating func node(_ event: YAMLEvents.Event, depth: Int) throws -> YAMLNode {
        if let tag = event.tag { throw error(event, "the tag \(tag) is not allowed; values are plain data") }
        if event.kind == .alias { return try alias(event, depth: depth) }
        try count(event, 1)
        if event.kind != .scalar && depth >= YAML.Limits.depth {
            throw error(event, "more than \(YAML.Limits.depth) lists and maps within each other")
        }
        // An anchor without a node is one whose node is still being read: an alias to it would be a cycle.
        if let anchor = event.anchor { anchors[anchor] = .some(nil) }
        let content: YAMLNode.Content
        switch event.kind {
        case .scalar: content = .scalar(try scalar(event))
        case .sequenceStart: content = .array(try list(depth: depth))
        case .mappingStart: content = .object(try map(depth: depth))
        default: throw error(event, "a value is missing here")
        }
        let node = YAMLNode(content, at: event.place)
        if let anchor = event.anchor { anchors[anchor] = node }
        return node
    }

    private mutating func alias(_ event: YAMLEvents.Event, depth: Int) throws -> YAMLNode {
        aliases += 1
        guard aliases <= YAML.Limits.aliases else { throw error(event, "more than \(YAML.Limits.aliases) aliases") }
        guard let known = anchors[event.text] else { throw error(event, "no anchor &\(event.text) before this alias") }
        guard let node = known else { throw error(event, "the alias *\(event.text) stands inside its own anchor") }
        guard depth + node.height <= YAML.Limits.depth else {
            throw error(event, "more than \(YAML.Limits.depth) lists and maps within each other")
        }
        try count(event, node.size)
        return node.moved(to: event.place)
    }

    private func scalar(_ event: YAMLEvents.Event) throws -> JSON {
        guard event.isPlain else { return .string(event.text) }
        do {
            return try YAMLScalar.resolve(event.text)
        } catch let range as YAMLScalar.RangeError {
            throw error(event, range.message)
        }
    }

    private mutating func list(depth: Int) throws -> [YAMLNode] {
        var elements: [YAMLNode] = []
        while true {
            let event = try parser.next()
            if event.kind == .sequenceEnd { return elements }
            elements.append(try node(event, depth: depth + 1))
        }
    }

    private mutating func map(depth: Int) throws -> [(key: String, place: YAMLNode.Place, value: YAMLNode)] {
        var entries: [(key: String, place: YAMLNode.Place, value: YAMLNode)] = []
        var lines: [[UInt8]: Int] = [:]
        while true {
            let event = try parser.next()
            if event.kind == .mappingEnd { return entries }
            try checkKey(event)
            try count(event, 1)
            // Keys are told apart by their bytes: Swift's own comparison joins differently composed accents.
            if let line = lines.updateValue(event.place.line, forKey: Array(event.text.utf8)) {
                throw error(event, "the key \(YAMLScalar.text(event.text)) is given twice, first in line \(line)")
            }
            if let anchor = event.anchor {
                anchors[anchor] = YAMLNode(.scalar(.string(event.text)), at: event.place)
            }
            let value = try node(try parser.next(), depth: depth + 1)
            entries.append((key: event.text, place: event.place, value: value))
        }
    }

    private func checkKey(_ event: YAMLEvents.Event) throws {
        if let tag = event.tag { throw error(event, "the tag \(tag) is not allowed; values are plain data") }
        guard event.kind == .scalar else { throw error(event, "a key must be plain text") }
        if event.isPlain && event.text.isEmpty { throw error(event, "a key is missing before this colon") }
        if event.isPlain && event.text == "<<" {
            throw error(
                event, "merge keys (<<) are not part of YAML 1.2; write the keys out, or use an alias as a value")
        }
    }
}
